"""Paths in the catalogue start from the catalogue's folder, wherever the server was started."""

from __future__ import annotations

from pathlib import Path

from bot.catalogue import load_catalogue
from integrations.local.target import LocalTarget

CATALOGUE = """
[services.shop.environments.staging]
backend = "local"
pipeline = "shop/pipeline.json"
repositories = { "org/shop" = "./repo", "org/other" = "https://git.example/other.git" }
applications.shop.staging.targets = [{ folder = "machines/one" }, { folder = "/srv/two" }]
"""


def test_relative_paths_of_a_target_start_from_the_catalogues_folder(tmp_path: Path) -> None:
    (tmp_path / "sayso.toml").write_text(CATALOGUE)
    catalogue = load_catalogue(tmp_path / "sayso.toml", {"local": LocalTarget})
    target = catalogue.environment("shop", "staging").target
    assert isinstance(target, LocalTarget)
    assert target.file == tmp_path / "shop/pipeline.json"
    assert target.repositories == {"org/shop": str(tmp_path / "repo"), "org/other": "https://git.example/other.git"}
    folders = [each.folder for each in target.applications["shop"]["staging"].targets]
    assert folders == [tmp_path / "machines/one", Path("/srv/two")]
    kept = LocalTarget.model_validate({**target.settings(), "pipeline": str(target.pipeline)})
    assert kept == target
