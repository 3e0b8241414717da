"""Writes the CycloneDX SBOM of the native library: ``sbom.py FILE PROCESSOR...``."""

import sys
from pathlib import Path

from crates import PACKAGE, Crate, linked_crates
from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL


def component(crate: Crate) -> Component:
    ours = crate.name == PACKAGE
    return Component(
        type=ComponentType.LIBRARY,
        name=crate.name,
        version=crate.version,
        bom_ref=f"{crate.name}@{crate.version}",
        purl=None if ours else PackageURL("cargo", name=crate.name, version=crate.version),
        licenses=[LicenseFactory().make_from_string(crate.license)],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=crate.sha256)] if crate.sha256 else [],
        external_references=[ExternalReference(type=ExternalReferenceType.VCS, url=XsUri(crate.repository))]
        if crate.repository
        else [],
    )


def bill(crates: list[Crate]) -> Bom:
    """The first crate is what the others are in."""
    components = {crate.key: component(crate) for crate in crates}
    subject = components[crates[0].key]
    bom = Bom(
        metadata=BomMetaData(component=subject),
        components=[part for part in components.values() if part is not subject],
    )
    for crate in crates:
        bom.register_dependency(components[crate.key], [components[key] for key in sorted(crate.uses)])
    # They would be other ones each time; a release is the same each time.
    bom.metadata.timestamp = None
    bom.serial_number = None
    return bom


def main(target: Path, processors: list[str]) -> None:
    text = JsonV1Dot6(bill(linked_crates(processors))).output_as_string(indent=2) + "\n"
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if error is not None:
        raise SystemExit(f"the SBOM is no valid CycloneDX: {error}")
    target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
