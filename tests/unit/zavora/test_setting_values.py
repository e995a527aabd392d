from typing import Any

from zavora.foundation.setting_values import SettingValue


def test_a_value_follows_its_setting_and_no_other(settings: Any) -> None:
    settings.ZAVORA_BODY_BYTES_MAX = 100
    value = SettingValue("ZAVORA_BODY_BYTES_MAX")
    settings.ZAVORA_EDGE_WAIT_MS = 7
    assert value.value == 100
    settings.ZAVORA_BODY_BYTES_MAX = 200
    assert value.value == 200
