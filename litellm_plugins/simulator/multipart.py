"""Reading a form with a file in it, as SDKs upload one."""

from email import message_from_bytes
from email.policy import HTTP

from litellm_plugins.simulator.wire import RequestError


def form_of(raw: bytes, content_type: str) -> tuple[dict[str, str], dict[str, tuple[str, bytes]]]:
    """Its fields, and its files with their names. Raises: RequestError, where it is no form."""
    message = message_from_bytes(b"content-type: " + content_type.encode() + b"\r\n\r\n" + raw, policy=HTTP)
    if not message.is_multipart():
        raise RequestError(400, "Expected a form: multipart/form-data")
    fields: dict[str, str] = {}
    files: dict[str, tuple[str, bytes]] = {}
    for part in message.iter_parts():
        name, filename = part.get_param("name", header="content-disposition"), part.get_filename()
        body = part.get_payload(decode=True)
        content = body if isinstance(body, bytes) else b""
        if filename is None:
            fields[str(name)] = content.decode("utf-8", "replace")
        else:
            files[str(name)] = (filename, content)
    return fields, files
