"""What administrators see under /admin/: people, sites, robots; the audit log to read."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from fleet import audit
from fleet.models import AuditEntry, EnrolmentCode, Membership, Organisation, Person, Robot, Site


class Audited(ModelAdmin):  # type: ignore[misc]
    """Every change made here is in the audit log too."""

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        act = "changed" if change else "added"
        audit.append(str(request.user), act, f"{obj._meta.verbose_name} {obj}", fields=list(form.changed_data))

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        audit.append(str(request.user), "deleted", f"{obj._meta.verbose_name} {obj}")
        super().delete_model(request, obj)


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
        "program",
        "enrolled_at",
        "last_seen",
        "log_n",
        "version",
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # robots let themselves in, with a code


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
