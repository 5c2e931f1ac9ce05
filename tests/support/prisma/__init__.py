"""What LiteLLM's database client needs, made ready once per machine.

LiteLLM asks Postgres through prisma-client-py. That client is generated from LiteLLM's schema into its own package,
so a copy of the package, in the tests' cache, is what the tests generate: the environment stays as it was installed,
and a proxy gets the copy by `PYTHONPATH`. The engine that the client starts is Prisma's native one where Prisma's CLI
can download it, else ours on WebAssembly (server.js).
"""

from tests.support.prisma.toolchain import PrismaMissing, prisma_env, why_no_prisma

__all__ = ["PrismaMissing", "prisma_env", "why_no_prisma"]
