"""The bill of materials: SPDX 2.3's required fields, what is in it, and the same bytes every time."""

import hashlib
import json
import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
FONT = "/usr/share/consolefonts/Uni2-Terminus16.psf.gz"
LIBRARY = next((path for path in map(pathlib.Path, ("/usr/lib/libgnuefi.a", "/usr/lib/x86_64-linux-gnu/libgnuefi.a"))
                if path.exists()), None)


@pytest.fixture
def esp(tmp_path):
    root = tmp_path / "esp"
    for name, content in (("EFI/BOOT/BOOTX64.EFI", b"MZ"), ("EFI/baton/kernel.elf", b"\x7fELF"),
                          ("EFI/baton/baton.conf", b"options \n")):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def bill(esp, out, *more, **environment):
    subprocess.run([ROOT / "tools/sbom", "--esp", esp, "--sources", ROOT, "--version", "1.2.3", "--build", "abc",
                    "--linked", f"*.EFI:{LIBRARY}", "--data", FONT, "--with", "/usr/bin/mformat", *more, out],
                   check=True, env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000", **environment})
    return json.loads(out.read_text())


def check_required(document):
    """SPDX 2.3, sections 6 to 11, of what is mandatory in JSON."""
    for field in ("spdxVersion", "dataLicense", "SPDXID", "name", "documentNamespace"):
        assert isinstance(document[field], str) and document[field], field
    assert document["spdxVersion"] == "SPDX-2.3" and document["dataLicense"] == "CC0-1.0"
    assert "#" not in document["documentNamespace"] and ":" in document["documentNamespace"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", document["creationInfo"]["created"])
    assert all(re.match(r"(Tool|Person|Organization): ", one) for one in document["creationInfo"]["creators"])
    known = {document["SPDXID"]}
    licences = {"NOASSERTION", "NONE", "MIT", *(one["licenseId"] for one in document["hasExtractedLicensingInfos"])}
    for package in document["packages"]:
        for field in ("SPDXID", "name", "downloadLocation"):
            assert package[field], package
        assert not package["filesAnalyzed"] or package["packageVerificationCode"]["packageVerificationCodeValue"]
        assert {package["licenseConcluded"], package["licenseDeclared"]} <= licences
        known.add(package["SPDXID"])
    for file in document["files"]:
        assert file["fileName"].startswith("./") and file["licenseConcluded"] in licences
        sums = {one["algorithm"]: one["checksumValue"] for one in file["checksums"]}
        assert re.fullmatch("[0-9a-f]{40}", sums["SHA1"]) and re.fullmatch("[0-9a-f]{64}", sums["SHA256"])
        known.add(file["SPDXID"])
    assert all(re.fullmatch(r"SPDXRef-[A-Za-z0-9.-]+", one) for one in known)
    assert len(known) == 1 + len(document["packages"]) + len(document["files"])
    for licence in document["hasExtractedLicensingInfos"]:
        assert re.fullmatch(r"LicenseRef-[A-Za-z0-9.-]+", licence["licenseId"]) and licence["extractedText"]
    for relation in document["relationships"]:
        assert {relation["spdxElementId"], relation["relatedSpdxElement"]} <= known
        assert relation["relationshipType"] in ("DESCRIBES", "CONTAINS", "GENERATED_FROM", "STATIC_LINK",
                                                "BUILD_TOOL_OF")
    assert any(one["relationshipType"] == "DESCRIBES" for one in document["relationships"])


def test_what_is_in_it(esp, tmp_path):
    document = bill(esp, tmp_path / "bill.json")
    check_required(document)
    files = {file["fileName"]: file for file in document["files"]}
    application = files["./EFI/BOOT/BOOTX64.EFI"]
    assert application["checksums"][1]["checksumValue"] == hashlib.sha256(b"MZ").hexdigest()
    packages = {package["name"]: package for package in document["packages"]}
    for name in ("gnu-efi", "console-setup-linux", "mtools"):
        version = subprocess.run(["dpkg-query", "--show", "--showformat", "${Version}", name], check=True,
                                 capture_output=True, text=True).stdout
        assert packages[name]["versionInfo"] == version
        assert packages[name]["licenseDeclared"] == f"LicenseRef-debian-{name}"
    assert packages["baton"]["versionInfo"] == "1.2.3 (abc)"
    linked = [one for one in document["relationships"] if one["relationshipType"] == "STATIC_LINK"]
    assert [one["spdxElementId"] for one in linked] == [application["SPDXID"]]


def test_the_same_bytes(esp, tmp_path):
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    bill(esp, first, TZ="UTC", LC_ALL="C")
    before = os.umask(0o077)
    try:
        bill(esp, second, TZ="Pacific/Auckland", LC_ALL="C.UTF-8")
    finally:
        os.umask(before)
    assert first.read_bytes() == second.read_bytes()
    (esp / "EFI/baton/baton.conf").write_text("options poweroff\n")
    assert bill(esp, second)["documentNamespace"] != json.loads(first.read_text())["documentNamespace"]


def test_the_tree_that_was_built(tmp_path):
    built = ROOT / os.environ.get("BUILD", "build") / "esp"
    assert (built / "EFI/BOOT/BOOTX64.EFI").exists(), "make"
    document = bill(built, tmp_path / "bill.json")
    check_required(document)
    there = {f"./{path.relative_to(built).as_posix()}" for path in built.rglob("*") if path.is_file()}
    assert there < {file["fileName"] for file in document["files"]}


def test_a_file_of_no_package_is_named_by_its_hash(esp, tmp_path):
    own = tmp_path / "own.a"
    own.write_bytes(b"!<arch>\n")
    document = bill(esp, tmp_path / "bill.json", "--linked", own)
    file = next(file for file in document["files"] if file["fileName"].endswith("/own.a"))
    assert file["checksums"][1]["checksumValue"] == hashlib.sha256(b"!<arch>\n").hexdigest()
    assert not any(one["relationshipType"] == "CONTAINS" and one["relatedSpdxElement"] == file["SPDXID"]
                   for one in document["relationships"])
