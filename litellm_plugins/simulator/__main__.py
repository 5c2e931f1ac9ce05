"""`python -m litellm_plugins.simulator`."""

from litellm_plugins.simulator.server import main

main()
