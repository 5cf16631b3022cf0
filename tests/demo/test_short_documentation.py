"""What Asterisk reads of its documentation: every name that was there, in a fifth of the text."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from ari_agent.demo.short_documentation import IN_ROOT, short_documentation

FULL = """<?xml version="1.0" encoding="UTF-8"?>
<docs>
  <application name="Dial"><synopsis>Dials.</synopsis><syntax><parameter name="b"/></syntax>
    <description><para>Long.</para><enumlist><enum name="x"><para>y</para></enum></enumlist></description>
  </application>
  <managerEvent name="Hangup"><managerEventInstance/></managerEvent>
  <configInfo name="res_x"><configFile name="x.conf"><configObject name="general">
    <configOption name="port" default="80"><since><version>22</version></since>
      <synopsis>Größe.</synopsis></configOption>
  </configObject></configFile></configInfo>
</docs>"""


def test_names_defaults_and_the_first_line_stay_and_explanations_go(tmp_path: Path) -> None:
    path = tmp_path / IN_ROOT
    path.parent.mkdir(parents=True)
    path.write_text(FULL)
    left = ElementTree.fromstring(short_documentation(tmp_path))
    assert [(element.tag, dict(element.attrib)) for element in left.iter()] == [
        ("docs", {}),
        ("application", {"name": "Dial"}),
        ("synopsis", {}),
        ("configInfo", {"name": "res_x"}),
        ("configFile", {"name": "x.conf"}),
        ("configObject", {"name": "general"}),
        ("configOption", {"name": "port", "default": "80"}),
        ("synopsis", {}),
    ]
    assert [element.text for element in left.iter("synopsis")] == ["Dials.", "Größe."]


def test_a_root_without_it_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"core-en_US\.xml"):
        short_documentation(tmp_path)
