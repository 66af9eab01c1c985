"""What is known of drivers, CUDA, torch and GPUs: tables, one module each, one row per fact, with its source. No opinion, no looking."""
