"""`python -m litellm_plugins.cli`: the same as the command, where it is not on the PATH."""

from litellm_plugins.cli import main

main()
