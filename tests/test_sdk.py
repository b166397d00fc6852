"""The SDK is typed, small and made of what it says it is, and installs where frontends install from."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from shared.testing.node import install, node, npm
from web import SDK

WEB = Path(__file__).parent.parent / "web"
VENDOR = SDK / "vendor"
TSC = str(WEB / "node_modules/typescript/bin/tsc")
ESBUILD = str(WEB / "node_modules/esbuild/bin/esbuild")
# Gzipped, in a bundle; esbuild's kB are of 1,024 bytes.
AT_ONCE_BYTES = 18 * 1024  # Client, elements, Lit and English, before a list is wanted.
WITH_LISTS_BYTES = 24 * 1024

# A site's own code: what the client says is known to its compiler, and so are the elements.
SITE = """
import { LedgerbellClient } from '@ledgerbell/web/client.js';
import { LedgerbellBell, provide } from '@ledgerbell/web/elements.js';
import de from '@ledgerbell/web/locales/de.js';

const client = new LedgerbellClient({ getToken: async () => 'token', locale: 'de' });
provide(client);
const critical = client.state.items.filter((item) => item.lane === 'critical');
const titles: string[] = critical.map((item) => item.title);
const bell: HTMLElement = new LedgerbellBell();
document.body.append(bell, String(client.state.unread), ...titles, ...Object.keys(de));
// @ts-expect-error  There is no such status, and the compiler knows all that there are.
if (client.state.status === 'elsewhere') client.stop();
"""
STRICT = {
    "strict": True,
    "noEmit": True,
    "target": "ES2022",
    "module": "ESNext",
    "moduleResolution": "Bundler",
    "lib": ["ESNext", "DOM"],
    "types": [],
}


@pytest.fixture(scope="module", autouse=True)
def _installed() -> None:
    install(WEB)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh project with the packed SDK. Lit comes from ours: a registry is not what is tried here."""
    packed, folder = tmp_path_factory.mktemp("packed"), tmp_path_factory.mktemp("site")
    npm("pack", "--pack-destination", str(packed), folder=WEB)
    (folder / "package.json").write_text('{"private": true, "type": "module"}')
    (folder / "tsconfig.json").write_text(json.dumps({"compilerOptions": STRICT, "files": ["site.ts"]}))
    (folder / "site.ts").write_text(SITE)
    [tarball] = packed.iterdir()
    npm("install", "--offline", "--no-audit", str(tarball), *_packages_of_lit(), folder=folder)
    return folder


@pytest.mark.parametrize("project", ["tsconfig.json", "tsconfig.wallet.json"])
def test_the_types_hold(project: str) -> None:
    assert node(TSC, "--project", project, folder=WEB) == ""


def test_what_is_vendored_is_what_the_lock_names(tmp_path: Path) -> None:
    node("scripts/vendor.mjs", str(tmp_path), folder=WEB)

    made = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    kept = {file.name: file.read_bytes() for file in VENDOR.iterdir() if not file.name.endswith(".d.ts")}
    assert made == kept, "run `make vendor`"


def test_nothing_is_vendored_that_nobody_uses() -> None:
    [listed] = re.findall(r"^export {(.*)}", (VENDOR / "lit.d.ts").read_text(), re.M)
    imports = [
        names
        for file in SDK.rglob("*.js")
        for names in re.findall(r"^import {(.*)} from '.*vendor/lit.js'", file.read_text(), re.M)
    ]

    assert set(_names(listed)) == {name for names in imports for name in _names(names)}


def test_the_lock_holds_no_address() -> None:
    assert "://" not in (WEB / "package-lock.json").read_text()


def test_the_sdk_is_small() -> None:
    sizes = json.loads(node("scripts/size.mjs", folder=WEB))

    assert 0 < sizes["start"] <= AT_ONCE_BYTES, sizes
    assert 0 < sizes["bundled"] <= WITH_LISTS_BYTES, sizes


def test_a_typescript_site_compiles_against_the_package(site: Path) -> None:
    assert node(TSC, "--project", ".", folder=site) == ""


def test_a_site_bundles_the_package(site: Path) -> None:
    node(ESBUILD, "site.ts", "--bundle", "--format=esm", "--minify", "--outfile=site.js", folder=site)

    bundle = (site / "site.js").read_text()
    assert "ledgerbell-bell" in bundle
    assert bundle.count("litHtmlVersions") == 1  # One Lit, the site's own.


def _names(listed: str) -> list[str]:
    return [name.strip() for name in listed.split(",")]


def _packages_of_lit() -> list[str]:
    """Lit's folder and those of all that it depends on."""
    found: list[str] = []
    waiting = ["lit-html"]
    while waiting:
        folder = WEB / "node_modules" / waiting.pop()
        found.append(str(folder))
        waiting += json.loads((folder / "package.json").read_text()).get("dependencies", {})
    return sorted(set(found))
