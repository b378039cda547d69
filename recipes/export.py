"""A translator's network in ONNX."""

from __future__ import annotations


def export(run: str, output: str, to: str = "b", source: str = "") -> None:
    """Write one direction as ONNX: input "x" [N,C,H,W] in [-1, 1], output "y" likewise; any N, H and W that the network takes.

    Args:
        run: a run's folder, or a bundle.
        output: the .onnx file.
        to: the side to translate into.
        source: of many domains the one that the input is from, where the method must know it.
    """
    from recipes.translator import Translator

    export_onnx(Translator.from_pretrained(run, device="cpu"), output, to, source)
    print(f"written: {output}")


def export_onnx(translator, output: str, to: str = "b", source: str = "") -> None:
    import logging
    import warnings

    import torch
    from torch import nn

    from translate.errors import UserError, reason
    from translate.modules.pieces import InPieces
    from translate.sample import Sample
    from translate.systems.cogan import Inversion

    try:
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UserError("ONNX export needs the onnx extra: pip install 'unpaired[onnx]'") from error

    source = translator.source(to, source)
    try:
        open(output, "ab").close()  # ahead of the half minute that an export takes
    except OSError as error:
        raise UserError(f"{output} cannot be written ({reason(error)}): choose another file") from error
    net = translator.system.direction(source, to)
    if any(isinstance(part, Inversion) for part in net.modules()):
        raise UserError(
            "a CoGAN translates by a search, which ONNX cannot hold: convert with scripts/convert.py instead"
        )

    class Plain(nn.Module):
        """Tensor -> tensor."""

        def __init__(self):
            super().__init__()
            self.net = translator.direction(source, to)

        def forward(self, x):
            return self.net(Sample(x)).x

    x = translator.domains[source].blank(2).x
    sides = (
        {0: torch.export.Dim("n"), 2: torch.export.Dim.DYNAMIC, 3: torch.export.Dim.DYNAMIC}
        if x.ndim == 4 and not isinstance(net, InPieces)  # which knows one shape
        else {0: torch.export.Dim("n")}
    )
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Plain().eval().to(memory_format=torch.contiguous_format),  # of any batch: channels-last norms go row by row
            (x,),
            output,
            dynamo=True,
            input_names=["x"],
            output_names=["y"],
            dynamic_shapes=(sides,),
            verbose=False,
            external_data=False,
        )
