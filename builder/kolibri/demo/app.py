"""A lesson as an HTML5 app: one zip that a browser can run without any network."""

from __future__ import annotations

import html
import io
import json
import string
import zipfile
from collections.abc import Mapping

from builder.kolibri.demo.texts import DATA, Language, Lesson

_TIME = (1980, 1, 1, 0, 0, 0)
"""The first moment that a zip can hold."""


def lesson_app(lesson: Lesson, language: Language, picture: bytes) -> bytes:
    """The zip of a lesson; `picture` is its PNG."""
    page = string.Template((DATA / "index.html").read_text(encoding="utf-8"))
    return _zipped(
        {
            "index.html": page.substitute(language=language.code, title=html.escape(lesson.title)).encode(),
            "content.js": f"const LESSON = {_content(lesson, language)};\n".encode(),
            "lesson.css": (DATA / "lesson.css").read_bytes(),
            "lesson.js": (DATA / "lesson.js").read_bytes(),
            "picture.png": picture,
        }
    )


def _content(lesson: Lesson, language: Language) -> str:
    content = {
        "activity": lesson.activity,
        "limit": lesson.limit,
        "summary": lesson.summary,
        "text": lesson.text,
        "words": lesson.words,
        "steps": lesson.steps,
        "quiz": [(question.ask, question.right, *question.wrong) for question in lesson.quiz],
        "say": dict(language.words),
    }
    return json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True)


def _zipped(files: Mapping[str, bytes]) -> bytes:
    """A zip without compression, dates or owners: the same files give the same bytes."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name, body in files.items():
            entry = zipfile.ZipInfo(name, date_time=_TIME)
            entry.create_system = 3
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, body)
    return target.getvalue()
