"""The published client's own functions, to compare ours with."""

from __future__ import annotations

import io
from pathlib import Path

from dlt._workspace._workspace_context import WorkspaceRunContext
from dlt._workspace.deployment.file_selector import ConfigurationFileSelector, WorkspaceFileSelector
from dlt._workspace.deployment.package_builder import PackageBuilder


def deployment_package(root: Path) -> tuple[bytes, str]:
    """Return the package the published client uploads for the code of a workspace, and its hash."""
    context = WorkspaceRunContext("workspace", str(root), "dev")
    stream = io.BytesIO()
    content_hash = PackageBuilder(context).write_package_to_stream(WorkspaceFileSelector(context), stream)
    return stream.getvalue(), content_hash


def configuration_package(root: Path) -> tuple[bytes, str]:
    """Return the package the published client uploads for the settings of a workspace, and its hash."""
    context = WorkspaceRunContext("workspace", str(root), "dev")
    stream = io.BytesIO()
    content_hash = PackageBuilder(context).write_package_to_stream(ConfigurationFileSelector(context), stream)
    return stream.getvalue(), content_hash
