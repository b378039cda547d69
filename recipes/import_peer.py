"""latest_net_G_A.pth -> a bundle."""

from __future__ import annotations


def import_peer(output: str, g_a: str | None = None, g_b: str | None = None, size: int = 256) -> None:
    """Turn generators trained by the widely used CycleGAN implementation into a bundle that convert.py reads.

    scripts/import_peer.py imported/ --g_a latest_net_G_A.pth --g_b latest_net_G_B.pth

    Args:
        output: the bundle's folder.
        g_a: its generator from A to B (netG resnet_6blocks or resnet_9blocks, instance norm, with or without anti-aliasing).
        g_b: its generator from B to A.
        size: the crop that it was trained on, pixels.
    """
    from pathlib import Path

    from recipes.peer import convert_files
    from translate.errors import UserError

    files = {to: Path(path) for to, path in (("b", g_a), ("a", g_b)) if path}
    if not files:
        raise UserError("name at least one generator: --g_a latest_net_G_A.pth")
    convert_files(files, Path(output), size)
    print(f"imported into {output}: python scripts/convert.py {output} --to {next(iter(files))} INPUT OUTPUT")
