"""Text to vectors: the `Embedder` protocol, a bundled local model, and a memory of what was asked before.

Importing this package imports nothing else; `local` loads numpy, onnxruntime and tokenizers at its first use.
"""
