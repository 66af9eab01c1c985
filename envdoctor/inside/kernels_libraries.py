"""One call through every CUDA library that torch brings: each must load, and be right."""

BACKENDS = {-1: "error", 0: "math", 1: "flash", 2: "efficient", 3: "cudnn", 4: "overrideable"}
"""torch.nn.attention.SDPBackend, by value."""


def convolution(lab):
    """A 3×3 convolution through cuDNN, TFLOP/s."""
    torch = lab.torch
    name, dtype = lab.half() or ("fp32", torch.float32)
    batch, channels, side = (32, 256, 56) if lab.gpu else (2, 32, 28)
    images = lab.normal(batch, channels, side, side, dtype=dtype).contiguous(memory_format=torch.channels_last)
    weights = (lab.normal(channels, channels, 3, 3, dtype=dtype) / 48).contiguous(memory_format=torch.channels_last)
    work = lambda: torch.nn.functional.conv2d(images, weights, padding=1)  # noqa: E731
    result = lab.rate("convolution", "TFLOP/s", 2.0 * 9 * batch * channels**2 * side**2, work, 1e12, name)
    expected = torch.nn.functional.conv2d(images[:1].cpu().double(), weights[:8].cpu().double(), padding=1)
    # Convolutions in float32 take TF32 where the card has it: torch allows that by default.
    enabled = bool(torch.backends.cudnn.enabled) if lab.gpu else None
    return [
        lab.judged(
            dict(result, cudnn=enabled), work()[:1, :8], expected, lab.tolerance("tf32" if name == "fp32" else name)
        )
    ]


def attention(lab):
    """Scaled-dot-product attention with the backend that torch chooses, TFLOP/s."""
    torch = lab.torch
    name, dtype = lab.half() or ("fp32", torch.float32)
    batch, heads, length, width = (4, 16, 2048, 64) if lab.gpu else (1, 4, 128, 32)
    query, key, value = (lab.normal(batch, heads, length, width, dtype=dtype) for _ in range(3))
    work = lambda: torch.nn.functional.scaled_dot_product_attention(query, key, value)  # noqa: E731
    result = lab.rate("attention", "TFLOP/s", 4.0 * batch * heads * length**2 * width, work, 1e12, name)
    choice = getattr(torch, "_fused_sdp_choice", None)
    backend = BACKENDS.get(int(choice(query, key, value, None, 0.0, False))) if choice is not None else None
    first = [tensor[:1, :1].cpu().double() for tensor in (query, key, value)]
    scores = first[0] @ first[1].transpose(-2, -1) / width**0.5
    expected = torch.softmax(scores, dim=-1) @ first[2]
    return [lab.judged(dict(result, backend=backend), work()[:1, :1], expected, lab.tolerance(name) * 2)]


def fft(lab):
    """A batch of complex transforms through cuFFT, Gpoint/s."""
    torch = lab.torch
    rows, length = (4096, 4096) if lab.gpu else (64, 1024)
    signal = torch.complex(lab.normal(rows, length), lab.normal(rows, length))
    result = lab.rate("fft", "Gpoint/s", rows * length, lambda: torch.fft.fft(signal), 1e9, "fp32")
    found = torch.view_as_real(torch.fft.fft(signal)[:4])
    expected = torch.view_as_real(torch.fft.fft(signal[:4].cpu().to(torch.complex128)))
    return [lab.judged(result, found, expected, 1e-5)]


def sort(lab):
    """Random numbers put in order, Gkey/s: a part compared with the processor's order, the whole by its order and its sum."""
    torch = lab.torch
    count = 1 << 24 if lab.gpu else 1 << 17
    values = lab.normal(count)
    result = lab.rate("sort", "Gkey/s", count, lambda: torch.sort(values), 1e9, "fp32")
    found, part = torch.sort(values).values, values[: 1 << 17]
    result = lab.judged(result, torch.sort(part).values, part.cpu().sort().values, 0.0)
    ordered = bool((found[1:] >= found[:-1]).all())
    same = lab.error(found.double().sum(), values.double().sum())
    return [dict(result, right=result["right"] and ordered and same is not None and same < 1e-6)]


def solve(lab):
    """A system of linear equations through cuSOLVER or MAGMA, GFLOP/s; right where A·x gives b back."""
    torch = lab.torch
    size = 2048 if lab.gpu else 256
    matrix = lab.normal(size, size) + size**0.5 * 2 * torch.eye(size, device=lab.device)
    right = lab.normal(size, 8)
    result = lab.rate("solve", "GFLOP/s", 2 / 3 * size**3, lambda: torch.linalg.solve(matrix, right), 1e9, "fp32")
    found = torch.linalg.solve(matrix, right).cpu().double()
    return [lab.judged(result, matrix.cpu().double() @ found, right, 1e-3)]


def sparse_matmul(lab):
    """A sparse (CSR, 1 % filled) times a dense matrix through cuSPARSE, GFLOP/s."""
    torch = lab.torch
    size, filled = (16384, 164) if lab.gpu else (1024, 10)
    # As CSR wants them: ordered within a row, and none twice.
    shift = torch.randint(0, size // filled, (size, 1), device=lab.device)
    columns = (torch.arange(filled, device=lab.device) * (size // filled) + shift).reshape(-1)
    starts = torch.arange(0, size * filled + 1, filled, device=lab.device)
    values, dense = lab.normal(size * filled), lab.normal(size, 64)
    matrix = torch.sparse_csr_tensor(starts, columns, values, size=(size, size), device=lab.device)
    result = lab.rate("sparse-matmul", "GFLOP/s", 2.0 * size * filled * 64, lambda: matrix @ dense, 1e9, "fp32")
    rows = 16
    picked = dense.cpu().double()[columns[: rows * filled].cpu()].reshape(rows, filled, 64)
    expected = (values[: rows * filled].cpu().double().reshape(rows, filled, 1) * picked).sum(1)
    return [lab.judged(result, (matrix @ dense)[:rows], expected, 1e-5)]


def random_numbers(lab):
    """Uniform random numbers through cuRAND's generators, Gvalue/s; right where mean and variance are those of the distribution."""
    torch = lab.torch
    count = 1 << 26 if lab.gpu else 1 << 18
    target = lab.poisoned(count)
    result = lab.rate("random", "Gvalue/s", count, target.uniform_, 1e9, "fp32")
    moments = torch.stack([target.double().mean(), target.double().var() * 12])
    # The mean of n values is off by 0.29/√n, the variance by about as much: 8 times that is no accident.
    return [lab.judged(result, moments, torch.tensor([0.5, 1.0]), 8 / count**0.5)]
