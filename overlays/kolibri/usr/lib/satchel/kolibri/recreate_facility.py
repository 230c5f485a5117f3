"""Makes a new facility of an old one, all or nothing. Runs inside Kolibri: `kolibri manage shell`.

Kolibri's own `recreatefacility` copies a facility under new ids and a new certificate and deletes the old one. Found by
running 0.19.5, this is what it would lose or leave wrong, and what is mended here in the same transaction:

- device permissions: the super admin would be nobody;
- results of quizzes and of tests in courses: their logs name the quiz by its old id;
- logs of users who were deleted softly make it fail;
- drafts of quizzes, names of users of the operating system, pinned devices, the record of exported logs.

Its two helpers are wrapped, because only they know which new id stands for which old one; the map is left in the table
`satchel_fork`, for the databases that do not take part in the transaction. What is counted before must be there after.
"""

import json
import os

from django.core.management import call_command
from django.db import connection, transaction
from kolibri.core.analytics.models import PingbackNotificationDismissed
from kolibri.core.auth.models import Collection, Facility, FacilityUser
from kolibri.core.auth.utils import migrate
from kolibri.core.courses.models import CourseSession, UnitTestAssignment
from kolibri.core.device.models import DeviceAppKey, DevicePermissions, DeviceSettings, OSUser
from kolibri.core.discovery.models import PinnedDevice
from kolibri.core.exams.models import DraftExam, Exam
from kolibri.core.lessons.models import Lesson
from kolibri.core.logger.models import ContentSessionLog, ContentSummaryLog, GenerateCSVLogRequest
from kolibri.core.logger.utils.pre_post_test import get_synthetic_content_id
from morango.models.core import DatabaseIDModel, InstanceIDModel
from morango.registry import syncable_models

COPY = "_copy_data"
"""Kolibri's helper that copies the rows of one kind. Should it be gone one day, a fork fails and changes nothing."""

MODELS = syncable_models.get_models("facilitydata")
MAPPED = (FacilityUser, Collection, Lesson, Exam, CourseSession)
PERSONAL = (
    (DevicePermissions, "user"),
    (OSUser, "user"),
    (PinnedDevice, "user"),
    (PingbackNotificationDismissed, "user"),
)


def recreate(order):
    """Do it, or nothing.

    Args:
        order: `facility`, the id of the old one; `names` and `device_names`, pairs of an old and a new name, of which
            the old one is replaced where it still stands.
    """
    old = Facility.objects.get(id=order["facility"])
    ids = {}
    copy, delete = getattr(migrate, COPY), migrate.delete_facility

    def copying(model, id_map, source):
        ids.update(id_map)
        if model is FacilityUser:
            source = FacilityUser.all_objects.filter(dataset_id=old.dataset_id)
        if model in (ContentSummaryLog, ContentSessionLog):
            source = with_new_content(source, tests(old.dataset_id, ids))
        copy(model, id_map, source)
        ids.update(id_map)

    def deleting(facility):
        carry_over(ids)
        new = Facility.objects.get(id=ids[Facility][facility.id])
        if counts(new.dataset_id) != before:
            raise RuntimeError(f"{before} became {counts(new.dataset_id)}")
        delete(facility)
        rename(new, order)

    with transaction.atomic():
        before = counts(old.dataset_id)
        setattr(migrate, COPY, copying)
        migrate.delete_facility = deleting
        call_command("recreatefacility", facility=old.id, noninteractive=True)
        leave_map(ids)
        # The next start makes new ones out of the new machine id.
        InstanceIDModel.objects.all().delete()
        DatabaseIDModel.objects.all().delete()
        DeviceAppKey.objects.all().delete()


def counts(dataset):
    """How many rows of each kind a facility has."""
    managers = {model: getattr(model, "all_objects", model.objects) for model in MODELS}
    return {model.__name__: manager.filter(**key(model, dataset)).count() for model, manager in managers.items()}


def key(model, dataset):
    """What selects the rows of a facility."""
    return {"id": dataset} if model.__name__ == "FacilityDataset" else {"dataset_id": dataset}


def tests(dataset, ids):
    """The new content id for each old one that stands for a quiz, or for a test before or after a unit of a course."""
    found = dict(ids[Exam])
    for test in UnitTestAssignment.objects.filter(dataset_id=dataset):
        sessions = (test.course_session_id, ids[CourseSession][test.course_session_id])
        old, new = (get_synthetic_content_id(session, test.unit_contentnode_id, test.test_type) for session in sessions)
        found[old] = new
    return found


def with_new_content(logs, found):
    """Logs that name quizzes and tests by their new ids."""
    for log in logs:
        log.content_id = found.get(log.content_id, log.content_id)
        yield log


def carry_over(ids):
    """Rows that hang on users and classes without being part of the facility."""
    users, collections = ids[FacilityUser], ids[Collection]
    for model, field in PERSONAL:
        for row in model.objects.filter(**{f"{field}_id__in": list(users)}):
            model.objects.filter(pk=row.pk).update(**{field: users[getattr(row, f"{field}_id")]})
    for request in GenerateCSVLogRequest.objects.filter(facility_id__in=list(collections)):
        GenerateCSVLogRequest.objects.filter(pk=request.pk).update(facility=collections[request.facility_id])
    for draft in DraftExam.objects.filter(collection_id__in=list(collections)):
        DraftExam.objects.filter(pk=draft.pk).update(
            collection=collections[draft.collection_id],
            creator=users.get(draft.creator_id),
            assignments=[collections.get(each, each) for each in draft.assignments],
            learner_ids=[users.get(each, each) for each in draft.learner_ids],
        )


def rename(facility, order):
    """Give the facility and the device their new names, unless people chose others."""
    old, new = order["names"]
    Facility.objects.filter(id=facility.id, name=old).update(name=new)
    old, new = order["device_names"]
    DeviceSettings.objects.filter(name=old).update(name=new)


def leave_map(ids):
    """Which new id stands for which old one."""
    rows = [pair for model in MAPPED for pair in ids[model].items()]
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS satchel_fork")
        cursor.execute("CREATE TABLE satchel_fork (old TEXT PRIMARY KEY, new TEXT NOT NULL)")
        cursor.executemany("INSERT INTO satchel_fork VALUES (%s, %s)", rows)


recreate(json.loads(os.environ["SATCHEL_FORK"]))
