"""Runs inside Kolibri: a class with a lesson, a quiz, a draft, attendance, and logs, also of one who has left."""

import datetime as dt
import uuid

from django.utils import timezone
from kolibri.core.attendance.models import AttendanceRecord, AttendanceSession
from kolibri.core.auth.constants import role_kinds
from kolibri.core.auth.models import AdHocGroup, Classroom, Facility, FacilityUser, LearnerGroup, Role
from kolibri.core.bookmarks.models import Bookmark
from kolibri.core.device.models import DevicePermissions, OSUser
from kolibri.core.exams.models import DraftExam, Exam, ExamAssignment
from kolibri.core.lessons.models import Lesson, LessonAssignment
from kolibri.core.logger.models import (
    AttemptLog,
    ContentSessionLog,
    ContentSummaryLog,
    ExamLog,
    MasteryLog,
    UserSessionLog,
)
from kolibri.core.notifications.models import LearnerProgressNotification

now = timezone.now()
facility = Facility.objects.get()
admin = FacilityUser.objects.get(username="admin")
classroom = Classroom.objects.create(name="Class 3", parent=facility)
group = LearnerGroup.objects.create(name="Readers", parent=classroom)
AdHocGroup.objects.create(name="Late", parent=classroom)


def user(name, password):
    made = FacilityUser(username=name, full_name=name.title(), facility=facility)
    made.set_password(password)
    made.save()
    return made


coach, gone, *learners = [user(name, f"{name} secret") for name in ("coach", "gone", "amina", "binta")]
Role.objects.create(user=coach, collection=classroom, kind=role_kinds.COACH)
DevicePermissions.objects.create(user=coach, can_manage_content=True)
OSUser.objects.create(user=coach, os_username="coach")
for learner in (gone, *learners):
    classroom.add_member(learner)
group.add_member(learners[0])
lesson = Lesson.objects.create(title="Water", collection=classroom, created_by=coach, resources=[])
LessonAssignment.objects.create(lesson=lesson, collection=classroom, assigned_by=coach)
quiz = Exam.objects.create(title="Rain", collection=classroom, creator=coach, question_count=1, active=True)
ExamAssignment.objects.create(exam=quiz, collection=classroom, assigned_by=coach)
DraftExam.objects.create(
    title="Snow",
    collection=classroom,
    creator=coach,
    question_count=0,
    assignments=[group.id],
    learner_ids=[learners[1].id],
)
attendance = AttendanceSession.objects.create(collection=classroom, created_by=coach, session_start_datetime=now)
for learner in (gone, *learners):
    AttendanceRecord.objects.create(attendance_session=attendance, user=learner, present=True)
    Bookmark.objects.create(user=learner, contentnode_id=uuid.uuid4().hex, content_id=uuid.uuid4().hex)
    UserSessionLog.objects.create(user=learner)
    for content, kind in ((uuid.uuid4().hex, "exercise"), (quiz.id, "quiz")):
        session = ContentSessionLog.objects.create(
            user=learner, content_id=content, channel_id=None, start_timestamp=now, kind=kind, extra_fields={}
        )
        summary = ContentSummaryLog.objects.create(
            user=learner,
            content_id=content,
            channel_id=None,
            start_timestamp=now,
            kind=kind,
            extra_fields={},
            progress=1,
        )
        mastery = MasteryLog.objects.create(
            user=learner, summarylog=summary, start_timestamp=now, mastery_level=-7, mastery_criterion={}, complete=True
        )
        AttemptLog.objects.create(
            user=learner,
            sessionlog=session,
            masterylog=mastery,
            item="i",
            start_timestamp=now,
            end_timestamp=now,
            completion_timestamp=now + dt.timedelta(seconds=5),
            complete=True,
            correct=1,
            answer={},
            simple_answer="",
        )
    ExamLog.objects.create(exam=quiz, user=learner, closed=True)
    LearnerProgressNotification.objects.create(
        notification_object="Quiz",
        notification_event="Completed",
        user_id=learner.id,
        classroom_id=classroom.id,
        quiz_id=quiz.id,
        reason="",
        timestamp=now,
    )
gone.date_deleted = now
gone.save()
