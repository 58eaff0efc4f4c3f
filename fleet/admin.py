"""What administrators see under /admin/: people, sites, robots; the audit log to read."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import UserAdmin
from django.http import HttpRequest, HttpResponse
from unfold.admin import ModelAdmin, TabularInline
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from fleet import audit, robots
from fleet.access import access
from fleet.api import person
from fleet.models import AuditEntry, EnrolmentCode, Membership, Organisation, Person, Robot, Site


def note(request: HttpRequest, act: str, obj: Any, fields: list[str] | None = None) -> None:
    """One entry in the log of the organisation that the object belongs to; rights are read again at once."""
    audit.append(str(request.user), act, f"{obj._meta.verbose_name} {obj}", _organisation(obj), fields=fields or [])
    access.forget()
    robots.roster.forget()


def _organisation(obj: Any) -> int | None:
    if isinstance(obj, Organisation):
        return obj.pk
    if isinstance(obj, Robot):
        return obj.site.organisation_id
    if isinstance(obj, Person):
        membership = obj.memberships.first()
        return membership.organisation_id if membership else None
    return getattr(obj, "organisation_id", None)


class Audited(ModelAdmin):  # type: ignore[misc]
    """Every change made here is in the audit log too."""

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        note(request, "changed" if change else "added", obj, list(form.changed_data))

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        super().save_formset(request, form, formset, change)
        for act, objects in (("added", formset.new_objects), ("deleted", formset.deleted_objects)):
            for obj in objects:
                note(request, act, obj)
        for obj, fields in formset.changed_objects:
            note(request, "changed", obj, list(fields))

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        note(request, "deleted", obj)
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for obj in queryset:
            note(request, "deleted", obj)
        super().delete_queryset(request, queryset)


class MembershipInline(TabularInline):  # type: ignore[misc]
    model = Membership
    extra = 0


@admin.register(Person)
class PersonAdmin(UserAdmin, Audited):  # type: ignore[type-arg, misc]
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    inlines = (MembershipInline,)
    list_display = ("username", "first_name", "last_name", "is_active", "last_login")

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        """The one form of the admin that saves by itself; it leads on only when it has."""
        response = super().user_change_password(request, id, form_url)
        if request.method == "POST" and response.status_code == 302:
            note(request, "changed", self.get_object(request, unquote(id)), ["password"])
        return response


@admin.register(Organisation)
class OrganisationAdmin(Audited):
    search_fields = ("name",)


@admin.register(Site)
class SiteAdmin(Audited):
    list_display = ("name", "organisation")
    list_filter = ("organisation",)


@admin.register(Membership)
class MembershipAdmin(Audited):
    list_display = ("person", "role", "organisation", "site")
    list_filter = ("role", "organisation")


@admin.register(Robot)
class RobotAdmin(Audited):
    list_display = ("name", "site", "program", "last_seen", "held_reason", "revoked_at")
    list_filter = ("site",)
    search_fields = ("name", "id")
    readonly_fields = (
        "id",
        "public_key",
        "embodiment",
        "embodiment_hash",
        "embodiment_offered",
        "program",
        "enrolled_at",
        "last_seen",
        "log_n",
        "version",
        "held_reason",
        "revoked_at",
    )
    actions = ("revoke", "release_hold", "accept_embodiment")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # robots let themselves in, with a code

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # what a robot did stays; its key is revoked

    @admin.action(description="Revoke the keys of the chosen robots", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: Any) -> None:
        for robot in queryset.select_related("site"):
            robots.revoke(person(request), robot)

    @admin.action(description="Accept the changed description of the chosen robots", permissions=["change"])
    def accept_embodiment(self, request: HttpRequest, queryset: Any) -> None:
        for robot in queryset.select_related("site").exclude(embodiment_offered={}):
            robots.accept_embodiment(person(request), robot, robot.embodiment_offered["hash"])

    @admin.action(description="Release the hold of the chosen robots", permissions=["change"])
    def release_hold(self, request: HttpRequest, queryset: Any) -> None:
        for robot in queryset.select_related("site"):
            robots.release(person(request), robot)


class ReadOnly(ModelAdmin):  # type: ignore[misc]
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(EnrolmentCode)
class EnrolmentCodeAdmin(ReadOnly):
    list_display = ("name", "site", "made_by", "made_at", "expires_at", "used_at")
    exclude = ("code_hash",)


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnly):
    list_display = ("number", "at", "actor", "act", "subject")
    list_filter = ("act",)
    search_fields = ("actor", "subject")
