"""The built-in checks: one root cause, one file. They are loaded as any third party's are."""
