"""Short reports as people paste them, written for these tests, each with the cause that a support engineer would name."""

from __future__ import annotations

from typing import NamedTuple


class Paste(NamedTuple):
    """A pasted text."""

    cause: str | None
    text: str


REPORTS = (
    # hardware, vm, wsl
    Paste(
        "hardware.no-gpu",
        "$ lspci | grep -i nvidia\n$ lspci | grep -i vga\n00:02.0 VGA compatible controller: Intel Corporation UHD Graphics 620 (rev 07)\n>>> torch.cuda.is_available()\nFalse\n",
    ),
    Paste(
        "hardware.pci-bar-unassigned",
        "NVRM: This PCI I/O region assigned to your NVIDIA device is invalid:\nNVRM: BAR1 is 0M @ 0x0 (PCI:0000:0b:00.0)\n",
    ),
    Paste(
        "wsl.driver",
        "Linux DESKTOP 4.4.0-22621-Microsoft #1 x86_64 GNU/Linux\n- Platform: Linux-4.4.0-22621-Microsoft-x86_64-with-glibc2.35\n>>> torch.cuda.is_available()\nFalse\n",
    ),
    Paste(
        "wsl.driver",
        "OS: Ubuntu 22.04 (WSL2)\n$ nvidia-smi\nFailed to initialize NVML: GPU access blocked by the operating system\n",
    ),
    Paste(
        "vm.vgpu-unlicensed",
        "GPU 00000000:02:00.0\n    Product Name                          : GRID T4-16Q\n    vGPU Software Licensed Product\n        Product Name                      : NVIDIA RTX Virtual Workstation\n        License Status                    : Unlicensed (Unrestricted)\n",
    ),
    # driver
    Paste(
        "driver.not-installed",
        "$ nvidia-smi\nbash: nvidia-smi: command not found\n$ lspci | grep -i nvidia\n01:00.0 VGA compatible controller: NVIDIA Corporation GA104 [GeForce RTX 3070] (rev a1)\n>>> torch.cuda.is_available()\nFalse\n",
    ),
    Paste(
        "driver.module-not-loaded",
        "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA driver is installed and running.\n",
    ),
    Paste(
        "driver.module-not-loaded",
        "$ sudo modprobe nvidia\nmodprobe: FATAL: Module nvidia not found in directory /lib/modules/6.8.0-45-generic\n",
    ),
    Paste(
        "driver.module-not-loaded",
        "$ sudo modprobe nvidia\nmodprobe: ERROR: could not insert 'nvidia': Required key not available\n",
    ),
    Paste(
        "driver.version-mismatch",
        "Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 560.35\n",
    ),
    Paste(
        "driver.version-mismatch",
        "[  12.3] NVRM: API mismatch: the client has the version 550.120, but\n               NVRM: this kernel module has the version 550.107.02.  Please\n               NVRM: make sure that this kernel module and all NVIDIA driver\n",
    ),
    Paste(
        "driver.nouveau-loaded",
        "$ lsmod | grep -e nouveau -e nvidia\nnouveau              2437120  1\nmxm_wmi                16384  1 nouveau\n$ lspci -k -s 01:00.0\n01:00.0 VGA compatible controller: NVIDIA Corporation TU106\n\tKernel driver in use: nouveau\n",
    ),
    Paste(
        "driver.device-permission",
        "$ ls -l /dev/nvidia0\ncrw-rw---- 1 root vglusers 195, 0 Mar 1 10:00 /dev/nvidia0\n$ nvidia-smi\nFailed to initialize NVML: Insufficient Permissions\n",
    ),
    Paste(
        "driver.gpu-lost",
        "Unable to determine the device handle for GPU 0000:41:00.0: GPU is lost.  Reboot the system to recover this GPU\n",
    ),
    Paste("driver.gpu-lost", "[4711.1] NVRM: Xid (PCI:0000:3b:00): 79, pid=1234, GPU has fallen off the bus.\n"),
    Paste(
        "driver.gpu-not-supported",
        "NVRM: The NVIDIA GPU 0000:01:00.0 (PCI ID: 10de:2b85)\nNVRM: installed in this system requires use of the NVIDIA open kernel modules.\n",
    ),
    Paste(
        "driver.gpu-not-supported",
        "NVRM: The NVIDIA GeForce GT 710 GPU installed in this system is\nNVRM:  supported through the NVIDIA 470.xx Legacy drivers. Please\nNVRM:  visit http://www.nvidia.com/object/unix.html for more\nNVRM:  information.  The 535.183.01 NVIDIA driver will ignore\nNVRM:  this GPU.  Continuing probe...\n",
    ),
    Paste(
        "driver.fabric-manager-down",
        "RuntimeError: Unexpected error from cudaGetDeviceCount(). Did you run some cuda functions before calling NumCudaDevices() that might have already set an error? Error 802: system not yet initialized\n",
    ),
    Paste(
        "driver.mig-no-instance",
        "| MIG devices:                                                                |\n|  No MIG devices found                                                       |\n>>> torch.cuda.is_available()\nFalse\n",
    ),
    Paste(
        "driver.compute-mode",
        "RuntimeError: CUDA error: all CUDA-capable devices are busy or unavailable\n$ nvidia-smi -q | grep Compute\n    Compute Mode                          : Exclusive_Process\n",
    ),
    # container
    Paste(
        "container.toolkit-missing",
        'docker: Error response from daemon: could not select device driver "" with capabilities: [[gpu]].\n',
    ),
    Paste(
        "container.toolkit-missing", "docker: Error response from daemon: unknown or invalid runtime name: nvidia.\n"
    ),
    Paste(
        "container.image-requires-newer-driver",
        "nvidia-container-cli: requirement error: unsatisfied condition: cuda>=12.6, please update your driver to a newer version, or use an earlier cuda container: unknown\n",
    ),
    Paste("container.devices-lost", "root@4f1:/# nvidia-smi\nFailed to initialize NVML: Unknown Error\n"),
    Paste(
        "container.gpu-not-passed",
        '$ docker run -it --rm pytorch/pytorch:2.4.0-cuda12.4-cudnn9-runtime python -c "import torch; print(torch.cuda.is_available())"\nFalse\n',
    ),
    Paste(
        "container.shm-too-small",
        "RuntimeError: DataLoader worker (pid 4711) is killed by signal: Bus error. It is possible that dataloader's workers are out of shared memory. Please try to raise your shared memory limit.\n",
    ),
    Paste(
        "container.capabilities-missing",
        "NVIDIA_DRIVER_CAPABILITIES=utility\n$ nvidia-smi -L\nGPU 0: NVIDIA A10 (UUID: GPU-0c1b7b3e-5e0e-4f4e-9d4e-0a2b4c6d8e0f)\n>>> torch.cuda.is_available()\nFalse\nOSError: libcuda.so.1: cannot open shared object file: No such file or directory\n",
    ),
    # torch and python
    Paste(
        "torch.cpu-only-build",
        ">>> import torch\n>>> torch.__version__\n'2.6.0+cpu'\n>>> torch.cuda.is_available()\nFalse\n",
    ),
    Paste(
        "torch.cpu-only-build",
        "PyTorch version: 2.3.1\nIs debug build: False\nCUDA used to build PyTorch: None\nROCM used to build PyTorch: N/A\nOS: Ubuntu 22.04\nIs CUDA available: False\nGPU models and configuration: GPU 0: NVIDIA A100-SXM4-40GB\nNvidia driver version: 535.129.03\n",
    ),
    Paste(
        "torch.not-installed",
        "$ python train.py\nTraceback (most recent call last):\n  File \"train.py\", line 1, in <module>\n    import torch\nModuleNotFoundError: No module named 'torch'\n",
    ),
    Paste(
        "torch.arch-not-supported",
        "NVIDIA GeForce RTX 5080 with CUDA capability sm_120 is not compatible with the current PyTorch installation.\nThe current PyTorch install supports CUDA capabilities sm_50 sm_60 sm_70 sm_75 sm_80 sm_86 sm_90.\n",
    ),
    Paste(
        "torch.arch-not-supported",
        "torch.cuda.is_available(): True\nRuntimeError: CUDA error: no kernel image is available for execution on the device\n",
    ),
    Paste("torch.companion-mismatch", "RuntimeError: operator torchvision::nms does not exist\n"),
    Paste(
        "torch.extension-abi-mismatch",
        "ImportError: /opt/venv/lib/python3.10/site-packages/flash_attn_2_cuda.cpython-310-x86_64-linux-gnu.so: undefined symbol: _ZN3c105ErrorC2ENS_14SourceLocationESs\n",
    ),
    Paste(
        "torch.shadowed-module",
        "  File \"/home/me/proj/torch.py\", line 1, in <module>\nAttributeError: partially initialized module 'torch' has no attribute 'cuda' (most likely due to a circular import)\n",
    ),
    Paste(
        "torch.wrong-vendor-build",
        "PyTorch version: 2.4.1+rocm6.1\nCUDA used to build PyTorch: N/A\nROCM used to build PyTorch: 6.1.40091\nIs CUDA available: False\nGPU models and configuration: GPU 0: NVIDIA GeForce RTX 4090\nNvidia driver version: 550.107.02\n",
    ),
    Paste(
        "python.unsupported-version",
        "Python 3.13.0\nERROR: Could not find a version that satisfies the requirement torch==2.1.2 (from versions: 2.5.0, 2.5.1)\nERROR: No matching distribution found for torch==2.1.2\n",
    ),
    # cuda, cudnn, nccl
    Paste(
        "cuda.driver-too-old",
        "UserWarning: CUDA initialization: The NVIDIA driver on your system is too old (found version 11040). Please update your GPU driver\n",
    ),
    Paste(
        "cuda.driver-too-old",
        "| NVIDIA-SMI 470.199.02   Driver Version: 470.199.02   CUDA Version: 11.4     |\nPyTorch version: 2.4.0+cu121\nIs CUDA available: False\n",
    ),
    Paste("cuda.driver-too-old", "CUDA error: CUDA driver version is insufficient for CUDA runtime version\n"),
    Paste(
        "cuda.compat-conflict",
        "RuntimeError: Unexpected error from cudaGetDeviceCount(). Error 804: forward compatibility was attempted on non supported HW\n$ docker run --gpus all -it myimage\n",
    ),
    Paste(
        "cuda.library-missing",
        "ImportError: libcublas.so.12: cannot open shared object file: No such file or directory\n",
    ),
    Paste(
        "cuda.library-missing", "OSError: libcurand.so.10: cannot open shared object file: No such file or directory\n"
    ),
    Paste(
        "cuda.library-shadowed",
        "ImportError: /v/lib/python3.11/site-packages/torch/lib/../../nvidia/cusparse/lib/libcusparse.so.12: undefined symbol: __nvJitLinkComplete_12_4, version libnvJitLink.so.12\n",
    ),
    Paste(
        "cuda.toolkit-mismatch",
        "RuntimeError: \nThe detected CUDA version (11.8) mismatches the version that was used to compile\nPyTorch (12.1). Please make sure to use the same CUDA versions.\n",
    ),
    Paste(
        "cuda.toolkit-missing",
        "OSError: CUDA_HOME environment variable is not set. Please set it to your CUDA install root.\n",
    ),
    Paste("cuda.stub-loaded", "CUDA driver is a stub library\n"),
    Paste(
        "cuda.init-failed",
        "UserWarning: CUDA initialization: CUDA unknown error - this may be due to an incorrectly set up environment, e.g. changing env variable CUDA_VISIBLE_DEVICES after program start. Setting the available devices to be zero.\n",
    ),
    Paste(
        "cudnn.missing",
        "Could not load library libcudnn_cnn_infer.so.8. Error: libcudnn_cnn_infer.so.8: cannot open shared object file: No such file or directory\n",
    ),
    Paste(
        "cudnn.version-mismatch",
        "RuntimeError: cuDNN version incompatibility: PyTorch was compiled  against (9, 1, 0) but found runtime version (8, 9, 2). PyTorch already comes bundled with cuDNN.\n",
    ),
    Paste(
        "nccl.version-mismatch",
        "ImportError: /v/lib/python3.10/site-packages/torch/lib/libtorch_cuda.so: undefined symbol: ncclCommSplit\n",
    ),
    Paste(
        "nccl.transport",
        "node1:112:180 [0] misc/socket.cc:58 NCCL WARN socketFinalizeConnect: retries 10 failed: Connection refused\nnode1:112:180 [0] include/socket.h:409 NCCL WARN Net : Connect to 10.0.0.5<41234> failed : No route to host\n",
    ),
    # env, host, gpu, framework, code
    Paste("env.visible-devices", "$ echo $CUDA_VISIBLE_DEVICES\n-1\n>>> torch.cuda.is_available()\nFalse\n"),
    Paste("env.alloc-conf", "RuntimeError: Unrecognized CachingAllocator option: expandable_segment\n"),
    Paste(
        "host.cpu-quota", "$ cat /sys/fs/cgroup/cpu.stat\nnr_periods 9000\nnr_throttled 7100\nthrottled_usec 1234567\n"
    ),
    Paste(
        "gpu.memory-full",
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 23.69 GiB of which 120.38 MiB is free. Process 4711 has 23.10 GiB memory in use. Of the allocated memory 80.00 MiB is allocated by PyTorch\n",
    ),
    Paste(
        "gpu.xid-errors",
        "[  881.2] NVRM: Xid (PCI:0000:65:00): 48, pid='<unknown>', name=<unknown>, An uncorrectable double bit error (DBE) has been detected on GPU in the framebuffer at physical address 0x12\n",
    ),
    Paste(
        "gpu.throttled",
        "| NVIDIA-SMI 550.54.14    Driver Version: 550.54.14    CUDA Version: 12.4     |\n    Clocks Event Reasons\n        Idle                              : Not Active\n        HW Slowdown                       : Active\n            HW Thermal Slowdown           : Active\n",
    ),
    Paste(
        "gpu.pcie-degraded",
        "    GPU Link Info\n        PCIe Generation\n            Max                           : 4\n            Current                       : 4\n        Link Width\n            Max                           : 16x\n            Current                       : 1x\n",
    ),
    Paste(
        "gpu.ecc-errors",
        "    Remapped Rows\n        Correctable Error                 : 0\n        Uncorrectable Error               : 4\n        Pending                           : Yes\n        Remapping Failure Occurred        : No\n",
    ),
    Paste(
        "gpu.nvlink-down",
        "$ nvidia-smi nvlink -s\nGPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-1)\n\t Link 0: 26.562 GB/s\n\t Link 1: <inactive>\n\t Link 2: 26.562 GB/s\n",
    ),
    Paste(
        "framework.fallback",
        "W tensorflow/core/common_runtime/gpu/gpu_device.cc:2348] Cannot dlopen some GPU libraries. Please make sure the missing libraries mentioned above are installed properly if you would like to use GPU.\nSkipping registering GPU devices...\n",
    ),
    Paste(
        "code.not-on-gpu",
        "ggml_cuda_init: found 1 CUDA devices:\n  Device 0: NVIDIA GeForce RTX 4090, compute capability 8.9, VMM: yes\nllm_load_tensors: offloaded 0/33 layers to GPU\n",
    ),
    # fine
    Paste(
        None,
        "PyTorch version: 2.5.1+cu124\nIs debug build: False\nCUDA used to build PyTorch: 12.4\nROCM used to build PyTorch: N/A\nOS: Ubuntu 22.04.4 LTS (x86_64)\nPython version: 3.11.7\nIs CUDA available: True\nCUDA runtime version: 11.5.119\nGPU models and configuration: GPU 0: NVIDIA A100-SXM4-40GB\nNvidia driver version: 550.54.14\ncuDNN version: Probably one of the following:\n/usr/lib/x86_64-linux-gnu/libcudnn.so.8.9.6\n",
    ),
    Paste(
        None,
        "| NVIDIA-SMI 560.35.03              Driver Version: 560.35.03      CUDA Version: 12.6     |\n|   0  NVIDIA GeForce RTX 3090        Off |   00000000:01:00.0  On |                  N/A |\n|  0%   45C    P8             25W /  350W |     512MiB /  24576MiB |      3%      Default |\n>>> torch.cuda.is_available()\nTrue\n",
    ),
    Paste(None, "Hello, which learning rate should I take for ResNet-50?\n"),
    # one line each
    Paste(
        "torch.import-fails",
        "ImportError: /usr/lib/libstdc++.so.6: version `GLIBCXX_3.4.29' not found (required by /v/torch/lib/libtorch.so)",
    ),
    Paste("torch.shadowed-module", "AttributeError: module 'torch' has no attribute 'cuda'"),
    Paste("torch.cpu-only-build", "AssertionError: Torch not compiled with CUDA enabled"),
    Paste(
        "torch.cpu-only-build",
        "RuntimeError: Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False. If you are running on a CPU-only machine, please use torch.load with map_location=torch.device('cpu')\ntorch.__version__ 2.2.1+cpu",
    ),
    Paste(
        "torch.companion-mismatch",
        "RuntimeError: Couldn't load custom C++ ops. This can happen if your PyTorch and torchvision versions are incompatible",
    ),
    Paste(
        "torch.companion-mismatch",
        "torchvision 0.15.2 requires torch==2.0.1, but you have torch 2.1.0 which is incompatible.",
    ),
    Paste(
        "torch.extension-abi-mismatch",
        "ImportError: /v/xformers/_C.so: undefined symbol: _ZNK3c1010TensorImpl36is_contiguous_nondefault_policy_implENS_12MemoryFormatE",
    ),
    Paste(
        "torch.extension-abi-mismatch",
        "RuntimeError: CUDA Setup failed despite GPU being available. Please run the following command to get more information:\npython -m bitsandbytes",
    ),
    Paste(
        "torch.extension-abi-mismatch",
        "WARNING[XFORMERS]: xFormers can't load C++/CUDA extensions. xFormers was built for:\n    PyTorch 2.1.0+cu121 with CUDA 1201 (you have 2.2.0+cu121)",
    ),
    Paste("torch.extension-abi-mismatch", "ModuleNotFoundError: No module named 'flash_attn_2_cuda'"),
    Paste(
        "torch.extension-abi-mismatch",
        "ImportError: deepspeed/ops/transformer_inference_op.so: undefined symbol: _ZN2at4_ops5zeros4callEN3c108ArrayRefINS2_6SymIntEEE",
    ),
    Paste("torch.arch-not-supported", "ptxas fatal   : Value 'sm_120' is not defined for option 'gpu-name'"),
    Paste("torch.arch-not-supported", "RuntimeError: CUDA error: device kernel image is invalid"),
    Paste(
        None,
        "Bfloat16 is only supported on GPUs with compute capability of at least 8.0. Your Tesla T4 GPU has compute capability 7.5.",
    ),
    Paste(
        "torch.arch-not-supported",
        "Found GPU0 Tesla K40c which is of cuda capability 3.5.\n    PyTorch no longer supports this GPU because it is too old.\n    The minimum cuda capability supported by this library is 3.7.",
    ),
    Paste(
        "cuda.driver-too-old",
        "torch._C._cuda_init()\nRuntimeError: The NVIDIA driver on your system is too old (found version 10020).",
    ),
    Paste(
        "cuda.driver-too-old",
        "cudaErrorInsufficientDriver: CUDA driver version is insufficient for CUDA runtime version",
    ),
    Paste(
        "cuda.driver-too-old",
        "CUDA_ERROR_UNSUPPORTED_PTX_VERSION: the provided PTX was compiled with an unsupported toolchain",
    ),
    Paste("cuda.driver-too-old", "nvidia driver 418.87 \npytorch 1.7.1+cu110\n>>> torch.cuda.is_available()\nFalse"),
    Paste(
        "cuda.init-failed",
        "E external/local_xla/xla/stream_executor/cuda/cuda_driver.cc:152] failed call to cuInit: INTERNAL: CUDA error: Failed call to cuInit: UNKNOWN ERROR (303)",
    ),
    Paste(
        "cuda.library-missing",
        "W tensorflow/stream_executor/platform/default/dso_loader.cc:64] Could not load dynamic library 'libcudart.so.11.0'; dlerror: libcudart.so.11.0: cannot open shared object file: No such file or directory",
    ),
    Paste(
        "cudnn.missing",
        "W tensorflow/stream_executor/platform/default/dso_loader.cc:64] Could not load dynamic library 'libcudnn.so.8'; dlerror: libcudnn.so.8: cannot open shared object file",
    ),
    Paste("cuda.library-missing", "Library cublas64_12.dll is not found or cannot be loaded"),
    Paste("cuda.library-missing", "RuntimeError: Failed to find nvrtc library: libnvrtc-builtins.so.12.1"),
    Paste(
        "cuda.library-missing",
        "nvrtc: error: failed to open libnvrtc-builtins.so.12.4.\n  Make sure that libnvrtc-builtins.so.12.4 is installed correctly.",
    ),
    Paste("cudnn.version-mismatch", "Loaded runtime CuDNN library: 8.2.4 but source was compiled with: 8.6.0."),
    Paste("cudnn.version-mismatch", "RuntimeError: cuDNN error: CUDNN_STATUS_NOT_INITIALIZED"),
    Paste(
        "cudnn.missing",
        "Unable to load any of {libcudnn_ops.so.9.1.0, libcudnn_ops.so.9.1, libcudnn_ops.so.9, libcudnn_ops.so}\nInvalid handle. Cannot load symbol cudnnCreateTensorDescriptor",
    ),
    Paste(
        "nccl.transport",
        "torch.distributed.DistBackendError: NCCL error in: ../torch/csrc/distributed/c10d/ProcessGroupNCCL.cpp:1970, unhandled system error (run with NCCL_DEBUG=INFO for details), NCCL version 2.20.5",
    ),
    Paste("nccl.transport", "NCCL WARN Bootstrap : no socket interface found"),
    Paste(
        "nccl.transport",
        "NCCL WARN NET/IB : Got completion from peer 10.0.0.1<3000> with error 12, opcode 0, len 0, vendor err 129",
    ),
    Paste("nccl.version-mismatch", "RuntimeError: NCCL version mismatch: rank 0 has 2.18.1, rank 1 has 2.20.5"),
    Paste("nccl.missing", "RuntimeError: Distributed package doesn't have NCCL built in"),
    Paste("driver.module-not-loaded", "modinfo: ERROR: Module nvidia not found."),
    Paste(
        "driver.module-not-loaded",
        "nvidia: module verification failed: signature and/or required key missing - tainting kernel\nmodprobe: ERROR: could not insert 'nvidia': Operation not permitted\nSecureBoot enabled",
    ),
    Paste(
        "driver.module-not-loaded",
        "nvidia-smi\nNVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\ndkms status\nnvidia/550.120: added",
    ),
    Paste(
        "driver.version-mismatch",
        "nvidia-container-cli: initialization error: nvml error: driver/library version mismatch",
    ),
    Paste(
        "driver.device-nodes-missing",
        "$ ls /dev/nvidia*\n/dev/nvidia0  /dev/nvidiactl\n>>> torch.cuda.is_available()\nUserWarning: CUDA initialization: CUDA unknown error",
    ),
    Paste("driver.hung", "INFO: task nvidia-smi:12345 blocked for more than 120 seconds."),
    Paste("driver.gpu-lost", "nvidia-smi\nUnable to determine the device handle for GPU 0000:0A:00.0: Unknown Error"),
    Paste(
        "driver.nouveau-loaded",
        "ERROR: The Nouveau kernel driver is currently in use by your system.  This driver is incompatible with the NVIDIA driver, and must be disabled before proceeding.",
    ),
    Paste(
        "driver.fabric-manager-down",
        "nvidia-fabricmanager.service: Failed with result 'exit-code'.\nfabric manager NVIDIA GPU driver interface version 535.129.03 don't match with driver version 535.161.08",
    ),
    Paste("container.toolkit-missing", "Error response from daemon: Unknown runtime specified nvidia."),
    Paste(
        "container.toolkit-missing",
        'docker: Error response from daemon: OCI runtime create failed: unable to retrieve OCI runtime error: exec: "nvidia-container-runtime": executable file not found in $PATH',
    ),
    Paste(
        "container.devices-lost",
        "RuntimeError: No CUDA GPUs are available\n# nvidia-smi\nFailed to initialize NVML: Unknown Error\n# systemctl daemon-reload",
    ),
    Paste("container.gpu-not-passed", "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."),
    Paste(
        "container.shm-too-small",
        "ERROR: Unexpected bus error encountered in worker. This might be caused by insufficient shared memory (shm).",
    ),
    Paste(
        "wsl.driver", "nvidia-container-cli: initialization error: WSL environment detected but no adapters were found"
    ),
    Paste(
        "gpu.memory-full",
        "RuntimeError: CUDA out of memory. Tried to allocate 20.00 MiB (GPU 0; 7.79 GiB total capacity; 5.95 MiB already allocated; 12.38 MiB free; 8.00 MiB reserved in total by PyTorch)",
    ),
    Paste("gpu.ecc-errors", "RuntimeError: CUDA error: uncorrectable ECC error encountered"),
    Paste(
        "gpu.xid-errors",
        "NVRM: Xid (PCI:0000:b1:00): 119, pid=3321, name=nvidia-smi, Timeout after 6s of waiting for RPC response from GPU0 GSP!",
    ),
    Paste(
        "gpu.nvlink-down",
        "NVRM: Xid (PCI:0000:b1:00): 74, pid='<unknown>', name=<unknown>, NVLink: fatal error detected on link 3",
    ),
    Paste(
        "framework.fallback",
        "UserWarning: Specified provider 'CUDAExecutionProvider' is not in available provider names.Available providers: 'AzureExecutionProvider, CPUExecutionProvider'",
    ),
    Paste("framework.fallback", 'level=INFO source=gpu.go:378 msg="no compatible GPUs were discovered"'),
    Paste(
        "framework.fallback", "warning: not compiled with GPU offload support, --n-gpu-layers option will be ignored"
    ),
    Paste(
        "framework.fallback",
        "INFO:2024 jax._src.xla_bridge: Unable to initialize backend 'cuda': module 'jaxlib.xla_extension' has no attribute 'GpuAllocatorConfig'\nWARNING: No GPU/TPU found, falling back to CPU.",
    ),
    Paste("env.alloc-conf", "RuntimeError: Unrecognized key 'garbage' in CUDA allocator config"),
    Paste("env.visible-devices", "CUDA_VISIBLE_DEVICES=4,5\nRuntimeError: CUDA error: invalid device ordinal"),
    Paste(
        "python.unsupported-version",
        "ERROR: torch-2.1.0+cu121-cp310-cp310-linux_x86_64.whl is not a supported wheel on this platform.",
    ),
    Paste(
        "python.unsupported-version",
        "ERROR: Could not find a version that satisfies the requirement torch (from versions: none)\nPython 3.14.0",
    ),
    Paste("cuda.toolkit-missing", "RuntimeError: CUDA_HOME environment variable is not set."),
    Paste("cuda.toolkit-missing", "error: [Errno 2] No such file or directory: '/usr/local/cuda/bin/nvcc'"),
    Paste("cuda.toolkit-mismatch", "error -- unsupported GNU version! gcc versions later than 11 are not supported!"),
    Paste("cuda.stub-loaded", "cuInit failed: CUDA_ERROR_STUB_LIBRARY"),
    Paste(
        "code.data-loading",
        "UserWarning: This DataLoader will create 16 worker processes in total. Our suggested max number of worker in current system is 2, which is smaller than what this DataLoader is going to create.",
    ),
    Paste(
        None,
        "torch.cuda.is_available(): True\ntorch.cuda.get_device_name(0): NVIDIA GeForce RTX 3060\nepoch 1 loss 0.4",
    ),
    Paste(
        "code.not-on-gpu",
        "RuntimeError: Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!",
    ),
    Paste(
        None,
        "KeyError: 'labels'\nPyTorch version: 2.4.0+cu121\nIs CUDA available: True\nNvidia driver version: 550.54.14",
    ),
    Paste(
        None,
        "W tensorflow/core/util/port.cc: oneDNN custom operations are on.\ncuda_blas.cc:1452] Unable to register cuBLAS factory: Attempting to register factory for plugin cuBLAS when one has already been registered",
    ),
)
