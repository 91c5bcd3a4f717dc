"""Packs PLACE/package as a wheel of VERSION into OUT: wheel.py PLACE VERSION OUT. The same content gives the same bytes."""

import base64
import hashlib
import re
import sys
import zipfile
from pathlib import Path

# The first moment that a zip can tell.
MOMENT = (1980, 1, 1, 0, 0, 0)


def metadata(place: Path, version: str) -> str:
    pinned = re.findall(r"^(grpcio|protovalidate)==(\S+)$", (place / "requirements.txt").read_text(), re.M)
    runtime = re.search(r"^# Protobuf Python Version: (\S+)$", next((place / "package").rglob("*_pb2.py")).read_text(), re.M)
    if len(pinned) != 2 or runtime is None:
        raise SystemExit("wheel.py: the versions of grpcio, protovalidate and protobuf are not known")
    needed = [f"{name}>={least},<{int(least.split('.')[0]) + 1}" for name, least in [*pinned, ("protobuf", runtime[1])]]
    lines = [
        "Metadata-Version: 2.4",
        "Name: windlass",
        f"Version: {pep440(version)}",
        "Summary: Client of the API of the Windlass control plane",
        "License-File: LICENSE",
        "Requires-Python: >=3.10",
        *[f"Requires-Dist: {requirement}" for requirement in sorted([*needed, f"grpcio-status{needed[0][6:]}"])],
        "Description-Content-Type: text/markdown",
        "",
        (place / "README.md").read_text(),
    ]
    return "\n".join(lines)


def pep440(version: str) -> str:
    """1.2.3-rc.1 is 1.2.3rc1; any other label of a release that is none yet counts as a preview."""
    release, _, label = version.partition("-")
    if label == "":
        return release
    kind, _, number = label.partition(".")
    return f"{release}{kind if kind in ('rc', 'a', 'b') else 'a'}{number if number.isdigit() else 0}"


def main(place: Path, version: str, out: Path) -> None:
    name = f"windlass-{pep440(version)}"
    info = f"{name}.dist-info"
    package = place / "package"
    content = {str(path.relative_to(package)): path.read_bytes() for path in package.rglob("*") if path.is_file()}
    for folder in sorted({str(Path(path).parent) for path in content if path.startswith("windlass/")} | {"windlass"}):
        content.setdefault(f"{folder}/__init__.py", b"")
    content["windlass/py.typed"] = b""
    content[f"{info}/METADATA"] = metadata(place, version).encode()
    content[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: windlass\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    content[f"{info}/licenses/LICENSE"] = (place / "LICENSE").read_bytes()
    record = f"{info}/RECORD"
    lines = [f"{path},sha256={digest(data)},{len(data)}" for path, data in sorted(content.items())]
    content[record] = ("\n".join([*lines, f"{record},,"]) + "\n").encode()
    file = out / f"{name}-py3-none-any.whl"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in sorted(content.items()):
            entry = zipfile.ZipInfo(path, MOMENT)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data)
    print(file.name)


def digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
