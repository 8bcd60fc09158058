"""By which names a server that only its own machine can reach may be asked.

Source: native specification 1.6, compatibility specification 2.7.

Rules of this file:

1. It guards against pages that give a foreign name to the loopback address. The machine that is
   imitated has no other address.

It must not import anything of this package.
"""

import functools
import ipaddress

_PRIVATE = tuple(
    map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"))
)
_ENDINGS = (".localhost", ".local", ".internal")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@functools.lru_cache(maxsize=64)
def guarded(bind: str) -> bool:
    """Whether a server that listens on this address asks for the name at all."""
    address = _address(bind.strip("[]"))
    return address is None or address.is_loopback


@functools.lru_cache(maxsize=1024)
def screen(method: str, host: str, hostname: str) -> int | None:
    """The status by which a request to this host ends, or None if it may go on.

    `hostname` is the name of the machine.
    """
    name = _without_port(host)
    address = _address(name)
    if address is not None and (
        address.is_loopback
        or address.is_unspecified
        or any(address in network for network in _PRIVATE if network.version == address.version)
    ):
        return None
    name = name.lower()
    if name in ("", "localhost", hostname.lower()) or name.endswith(_ENDINGS):
        return 204 if method == "OPTIONS" else None
    return 403


def _without_port(host: str) -> str:
    """What Go finds before the port; all, if it finds none."""
    name, colon, port = host.rpartition(":")
    if name.startswith("[") and name.endswith("]"):
        name = name[1:-1]
    elif ":" in name:
        return host
    return name if colon and not set("[]") & set(name + port) else host


def _address(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
