"""The block of the README, as it stands there."""

import re
from pathlib import Path

import sentry_sdk

README = Path(__file__).parent.parent / "README.md"


def test_the_readmes_block_shuts_every_door(received):
    (block,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    try:
        exec(compile(block.replace("https://public@sentry.example/1", received.dsn), str(README), "exec"), {})
        options = sentry_sdk.get_client().options
        assert options["include_local_variables"] is False
        assert options["before_breadcrumb"] is not None
    finally:
        sentry_sdk.get_client().close(timeout=10)
        sentry_sdk.get_global_scope().set_client(None)
