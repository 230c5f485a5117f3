"""What Kolibri's tables hold, in the words of people who teach with it."""

from __future__ import annotations

from typing import Final

_WORDS: Final = (
    ("kolibriauth_facilityuser", "users"),
    ("kolibriauth_collection", "facilities, classes and groups"),
    ("kolibriauth_facilitydataset", "facilities' settings"),
    ("kolibriauth_", "roles and memberships"),
    ("device_devicepermissions", "administrators"),
    ("lessons_", "lessons"),
    ("exams_", "quizzes"),
    ("courses_", "courses"),
    ("attendance_", "attendance"),
    ("logger_", "what learners did"),
    ("bookmarks_", "bookmarks"),
    ("notifications_", "messages to coaches"),
    ("kolibriauth_session", "logins"),
    ("content_contentrequest", "wishes for content"),
    ("jobs", "tasks"),
    ("errorreports_", "reports of errors"),
    ("morango_certificate", "certificates and keys"),
    ("morango_sharedkey", "certificates and keys"),
    ("device_deviceappkey", "certificates and keys"),
    ("morango_databaseidmodel", "ids of the device"),
    ("morango_instanceidmodel", "ids of the device"),
    ("morango_", "records for synchronising"),
    ("device_usersyncstatus", "who synchronised with whom"),
    ("device_syncqueue", "who synchronised with whom"),
    ("device_learnerdevicestatus", "who synchronised with whom"),
    ("device_", "the device's settings"),
    ("discovery_", "other devices in the network"),
    ("analytics_", "notices of Kolibri's makers"),
    ("", "other things"),
)
"""Beginnings of tables' names, in the order in which people ask for them."""


def words_of(table: str) -> str:
    """What the rows of a table are, in the plural."""
    return max((len(beginning), words) for beginning, words in _WORDS if table.startswith(beginning))[1]


def place_of(words: str) -> int:
    """Where these words stand in a list."""
    return [known for _, known in _WORDS].index(words)
