"""Runs inside Kolibri: everything of a school by names and numbers, with no id in it, as one line of JSON."""

import json

from kolibri.core.attendance.models import AttendanceRecord
from kolibri.core.auth.models import Classroom, FacilityUser, LearnerGroup, Membership, Role
from kolibri.core.bookmarks.models import Bookmark
from kolibri.core.device.models import DevicePermissions, DeviceSettings, OSUser
from kolibri.core.exams.models import DraftExam, Exam, ExamAssignment
from kolibri.core.lessons.models import LessonAssignment
from kolibri.core.logger.models import AttemptLog, ContentSummaryLog, ExamLog, MasteryLog, UserSessionLog
from kolibri.core.notifications.models import LearnerProgressNotification

names = {user.id: user.username for user in FacilityUser.all_objects.all()}
quizzes = dict(Exam.objects.values_list("id", "title"))
classes = dict(Classroom.objects.values_list("id", "name"))
groups = dict(LearnerGroup.objects.values_list("id", "name"))
settings = DeviceSettings.objects.get()


def lines(rows):
    return sorted(json.dumps(row, default=str) for row in rows)


print(
    json.dumps(
        {
            "users": lines(
                FacilityUser.all_objects.values_list(
                    "username", "full_name", "password", "date_joined", "date_deleted", "last_login"
                )
            ),
            "roles": lines(
                Role.objects.values_list("user__username", "collection__kind", "kind").exclude(kind="admin")
            ),
            "admins": lines(Role.objects.filter(kind="admin").values_list("user__username")),
            "members": lines(
                Membership.objects.exclude(collection__kind="facility").values_list(
                    "user__username", "collection__name"
                )
            ),
            "permissions": lines(
                DevicePermissions.objects.values_list("user__username", "is_superuser", "can_manage_content")
            ),
            "os users": lines(OSUser.objects.values_list("user__username", "os_username")),
            "lessons": lines(
                LessonAssignment.objects.values_list("lesson__title", "collection__name", "assigned_by__username")
            ),
            "quizzes": lines(
                ExamAssignment.objects.values_list("exam__title", "collection__name", "assigned_by__username")
            ),
            "drafts": lines(
                [d.title, d.creator.username, [groups[g] for g in d.assignments], [names[u] for u in d.learner_ids]]
                for d in DraftExam.objects.all()
            ),
            "attendance": lines(AttendanceRecord.objects.values_list("user__username", "present")),
            "bookmarks": lines(Bookmark.objects.values_list("user_id", "content_id").filter(user_id__in=names))
            and Bookmark.objects.count(),
            "sessions": UserSessionLog.objects.count(),
            "quiz results": lines(
                [names[log.user_id], quizzes.get(log.content_id, "none"), log.progress]
                for log in ContentSummaryLog.objects.filter(kind="quiz")
            ),
            "exercises": lines(ContentSummaryLog.objects.filter(kind="exercise").values_list("content_id", "progress")),
            "mastery": lines([names[log.user_id], log.mastery_level, log.complete] for log in MasteryLog.objects.all()),
            "attempts": lines(
                [names[log.user_id], log.correct, log.masterylog.user_id == log.user_id]
                for log in AttemptLog.objects.all()
            ),
            "exam logs": lines([names[log.user_id], log.closed] for log in ExamLog.objects.all()),
            "notifications": lines(
                [names.get(each.user_id), classes.get(each.classroom_id), quizzes.get(each.quiz_id)]
                for each in LearnerProgressNotification.objects.all()
            ),
            "device": [
                settings.is_provisioned,
                settings.language_id,
                settings.landing_page,
                settings.default_facility is not None,
            ],
        }
    )
)
