"""What can be asked for. Made of the front end's table: do not edit."""
# fmt: off
# ruff: noqa: A002, E501, I001

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from .base import ROOT, Collection, Events, Transport, page, said, text

if TYPE_CHECKING:
    from .shapes import AclRule, Attributes, BackupJob, Cluster, Datastore, Document, Group, Hook, Host, Image, Market, MarketApp, Network, Operation, Outcome, SecurityGroup, User, VRouter, Vdc, Vm, VmGroup, VmTemplate, VnTemplate, Webhook, Zone


class Vms(Collection["Vm"]):
    """Vms."""

    path = "vms"

    def all(self, *, name: str | None = None, name_prefix: str | None = None, owner: str | None = None, group: str | None = None, state: str | None = None, label: str | None = None, limit: int | None = None) -> Iterator[Vm]:
        """Those that the caller may use, page by page."""
        return self._all({"name": name, "name_prefix": name_prefix, "owner": owner, "group": group, "state": state, "label": label, "limit": limit})

    def create(self, *, template: str | Attributes, hold: bool | None = None, key: str = "") -> Outcome[Vm]:
        """Makes a VM from a template."""
        return self._change("POST", "", {"template": template, "hold": hold}, key)

    def update(self, which: int, /, *, name: str | None = None, template: str | Attributes | None = None, merge: bool | None = None, permissions: str | None = None, uid: int | None = None, gid: int | None = None, key: str = "", etag: str = "") -> Outcome[Vm]:
        """Gives a VM another name. Replaces or merges the VM's user template. Sets the permission bits, three octal digits. Gives a VM to another owner or group."""
        return self._change("PATCH", f"/{which}", {"name": name, "template": template, "merge": merge, "permissions": permissions, "uid": uid, "gid": gid}, key, etag)

    def delete(self, which: int, /, *, hard: bool | None = None, key: str = "", etag: str = "") -> Outcome[Vm]:
        """Terminates a VM."""
        return self._change("DELETE", f"/{which}", {"hard": hard}, key, etag)

    def hold(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[Vm]:
        """Action hold."""
        return self._change("POST", f"/{which}/actions/hold", {}, key, etag)

    def release(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[Vm]:
        """Action release."""
        return self._change("POST", f"/{which}/actions/release", {}, key, etag)

    def suspend(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[Vm]:
        """Action suspend."""
        return self._change("POST", f"/{which}/actions/suspend", {}, key, etag)

    def resume(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[Vm]:
        """Action resume."""
        return self._change("POST", f"/{which}/actions/resume", {}, key, etag)

    def stop(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[Vm]:
        """Action stop."""
        return self._change("POST", f"/{which}/actions/stop", {}, key, etag)

    def undeploy(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[Vm]:
        """Action undeploy."""
        return self._change("POST", f"/{which}/actions/undeploy", {}, key, etag)

    def undeploy_hard(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[Vm]:
        """Action undeploy-hard."""
        return self._change("POST", f"/{which}/actions/undeploy-hard", {}, key, etag)

    def resched(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[Vm]:
        """Action resched."""
        return self._change("POST", f"/{which}/actions/resched", {}, key, etag)

    def unresched(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[Vm]:
        """Action unresched."""
        return self._change("POST", f"/{which}/actions/unresched", {}, key, etag)

    def poweroff(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[Vm]:
        """Action poweroff."""
        return self._change("POST", f"/{which}/actions/poweroff", {}, key, etag)

    def poweroff_hard(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[Vm]:
        """Action poweroff-hard."""
        return self._change("POST", f"/{which}/actions/poweroff-hard", {}, key, etag)

    def reboot(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[Vm]:
        """Action reboot."""
        return self._change("POST", f"/{which}/actions/reboot", {}, key, etag)

    def reboot_hard(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[Vm]:
        """Action reboot-hard."""
        return self._change("POST", f"/{which}/actions/reboot-hard", {}, key, etag)

    def terminate(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[Vm]:
        """Action terminate."""
        return self._change("POST", f"/{which}/actions/terminate", {}, key, etag)

    def terminate_hard(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[Vm]:
        """Action terminate-hard."""
        return self._change("POST", f"/{which}/actions/terminate-hard", {}, key, etag)

    def deploy(self, which: int, /, *, host_id: int, enforce: bool | None = None, datastore_id: int | None = None, key: str = "", etag: str = "") -> Outcome[Vm]:
        """Places a waiting VM on a host of the administrator's choice."""
        return self._change("POST", f"/{which}/actions/deploy", {"host_id": host_id, "enforce": enforce, "datastore_id": datastore_id}, key, etag)

    def migrate(self, which: int, /, *, host_id: int, live: bool | None = None, enforce: bool | None = None, datastore_id: int | None = None, how: Literal['save', 'poweroff', 'poweroff-hard'] | None = None, key: str = "", etag: str = "") -> Outcome[Vm]:
        """Takes a VM to a host of the administrator's choice: as it runs, or stopped on the way."""
        return self._change("POST", f"/{which}/actions/migrate", {"host_id": host_id, "live": live, "enforce": enforce, "datastore_id": datastore_id, "how": how}, key, etag)

    def recover(self, which: int, /, *, operation: Literal['failure', 'success', 'retry', 'delete', 'recreate', 'delete-db'], key: str = "", etag: str = "") -> Outcome[Vm]:
        """Helps a VM on: takes what is under way for failed or done, tries again, deletes, recreates."""
        return self._change("POST", f"/{which}/actions/recover", {"operation": operation}, key, etag)

    def backup(self, which: int, /, *, datastore_id: int | None = None, reset: bool | None = None, key: str = "", etag: str = "") -> Outcome[Vm]:
        """Backs a VM up into a backup datastore, unless that is for its backup job to do."""
        return self._change("POST", f"/{which}/actions/backup", {"datastore_id": datastore_id, "reset": reset}, key, etag)

    def cancel_backup(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[Vm]:
        """Gives up a backup that is being made; the VM goes on as it was."""
        return self._change("POST", f"/{which}/actions/cancel-backup", {}, key, etag)

    def restore(self, which: int, /, *, image_id: int, increment: int | None = None, disk: int | None = None, key: str = "", etag: str = "") -> Outcome[Vm]:
        """Puts a powered-off VM's disks (one, or all: -1) back to what they were."""
        return self._change("POST", f"/{which}/actions/restore", {"image_id": image_id, "increment": increment, "disk": disk}, key, etag)

    def attach_disk(self, which: int, /, *, template: str | Attributes, key: str = "", etag: str = "") -> Outcome[Vm]:
        """Gives a VM one more disk, at once when its guest runs."""
        return self._change("POST", f"/{which}/actions/attach-disk", {"template": template}, key, etag)

    def detach_disk(self, which: int, /, *, disk_id: int, key: str = "", etag: str = "") -> Outcome[Vm]:
        """Takes a disk from a VM: a persistent image keeps what was written, all else goes."""
        return self._change("POST", f"/{which}/actions/detach-disk", {"disk_id": disk_id}, key, etag)

    def resize_disk(self, which: int, /, *, disk_id: int, size: str, key: str = "", etag: str = "") -> Outcome[Vm]:
        """Grows a disk of a VM to a size in MB, in the eyes of a guest that runs too."""
        return self._change("POST", f"/{which}/actions/resize-disk", {"disk_id": disk_id, "size": size}, key, etag)

    def save_disk(self, which: int, /, *, disk_id: int, name: str, type: str | None = None, snapshot_id: int | None = None, key: str = "", etag: str = "") -> Outcome[Vm]:
        """Makes an image of a disk, as it is or as it was at a snapshot; returns the image's number."""
        return self._change("POST", f"/{which}/actions/save-disk", {"disk_id": disk_id, "name": name, "type": type, "snapshot_id": snapshot_id}, key, etag)

    def attach_nic(self, which: int, /, *, template: str | Attributes, key: str = "", etag: str = "") -> Outcome[Vm]:
        """Gives a VM one more NIC, or one of its NICs one more address (NIC_ALIAS)."""
        return self._change("POST", f"/{which}/actions/attach-nic", {"template": template}, key, etag)

    def detach_nic(self, which: int, /, *, nic_id: int, key: str = "", etag: str = "") -> Outcome[Vm]:
        """Takes a NIC, with its aliases, or one alias from a VM; their addresses are free then."""
        return self._change("POST", f"/{which}/actions/detach-nic", {"nic_id": nic_id}, key, etag)

    def update_nic(self, which: int, /, *, nic_id: int, template: str | Attributes, merge: bool | None = None, key: str = "", etag: str = "") -> Outcome[Vm]:
        """Changes attributes of a NIC: replaces (0) or merges (1) those that can be changed."""
        return self._change("POST", f"/{which}/actions/update-nic", {"nic_id": nic_id, "template": template, "merge": merge}, key, etag)

    def resize(self, which: int, /, *, template: str | Attributes, enforce: bool | None = None, key: str = "", etag: str = "") -> Outcome[Vm]:
        """Gives a VM another CPU, VCPU and MEMORY; what is 0 or not given stays."""
        return self._change("POST", f"/{which}/actions/resize", {"template": template, "enforce": enforce}, key, etag)

    def update_configuration(self, which: int, /, *, template: str | Attributes, merge: bool | None = None, key: str = "", etag: str = "") -> Outcome[Vm]:
        """Replaces (0) or merges (1) a VM's configuration."""
        return self._change("POST", f"/{which}/actions/update-configuration", {"template": template, "merge": merge}, key, etag)

    def create_disk_snapshot(self, which: int, /, *, disk_id: int, name: str, key: str = "", etag: str = "") -> Outcome[Vm]:
        """A snapshot of a disk as it is now; returns its number."""
        return self._change("POST", f"/{which}/actions/create-disk-snapshot", {"disk_id": disk_id, "name": name}, key, etag)

    def delete_disk_snapshot(self, which: int, /, *, disk_id: int, snapshot_id: int, key: str = "", etag: str = "") -> Outcome[Vm]:
        """Removes a snapshot of a disk; the disk stays as it is."""
        return self._change("POST", f"/{which}/actions/delete-disk-snapshot", {"disk_id": disk_id, "snapshot_id": snapshot_id}, key, etag)

    def revert_disk(self, which: int, /, *, disk_id: int, snapshot_id: int, key: str = "", etag: str = "") -> Outcome[Vm]:
        """A disk as it was at a snapshot, while its guest is off."""
        return self._change("POST", f"/{which}/actions/revert-disk", {"disk_id": disk_id, "snapshot_id": snapshot_id}, key, etag)

    def rename_disk_snapshot(self, which: int, /, *, disk_id: int, snapshot_id: int, name: str, key: str = "", etag: str = "") -> Outcome[Vm]:
        """Gives a snapshot of a disk another name."""
        return self._change("POST", f"/{which}/actions/rename-disk-snapshot", {"disk_id": disk_id, "snapshot_id": snapshot_id, "name": name}, key, etag)

    def create_snapshot(self, which: int, /, *, name: str, key: str = "", etag: str = "") -> Outcome[Vm]:
        """A snapshot of a guest that runs, with its memory; returns its number."""
        return self._change("POST", f"/{which}/actions/create-snapshot", {"name": name}, key, etag)

    def revert_snapshot(self, which: int, /, *, snapshot_id: int, key: str = "", etag: str = "") -> Outcome[Vm]:
        """The guest goes on from where it was at a snapshot."""
        return self._change("POST", f"/{which}/actions/revert-snapshot", {"snapshot_id": snapshot_id}, key, etag)

    def delete_snapshot(self, which: int, /, *, snapshot_id: int, key: str = "", etag: str = "") -> Outcome[Vm]:
        """Removes a snapshot of a guest; the guest stays as it is."""
        return self._change("POST", f"/{which}/actions/delete-snapshot", {"snapshot_id": snapshot_id}, key, etag)

    def attach_security_group(self, which: int, /, *, nic_id: int, group_id: int, key: str = "", etag: str = "") -> Outcome[Vm]:
        """Puts a NIC under one more security group: what that allows may come and go, too."""
        return self._change("POST", f"/{which}/actions/attach-security-group", {"nic_id": nic_id, "group_id": group_id}, key, etag)

    def detach_security_group(self, which: int, /, *, nic_id: int, group_id: int, key: str = "", etag: str = "") -> Outcome[Vm]:
        """Takes a NIC out of a security group; never out of its last one, or everything might come and go."""
        return self._change("POST", f"/{which}/actions/detach-security-group", {"nic_id": nic_id, "group_id": group_id}, key, etag)

    def execute(self, which: int, /, *, command: str, stdin: str | None = None, key: str = "", etag: str = "") -> Outcome[Vm]:
        """Has a guest that runs carry out a command with its shell."""
        return self._change("POST", f"/{which}/actions/execute", {"command": command, "stdin": stdin}, key, etag)

    def retry_execute(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[Vm]:
        """Has the last command carried out once more."""
        return self._change("POST", f"/{which}/actions/retry-execute", {}, key, etag)

    def cancel_execute(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[Vm]:
        """Ends the command that a guest is carrying out, with all that it has started."""
        return self._change("POST", f"/{which}/actions/cancel-execute", {}, key, etag)

    def join_group(self, which: int, /, *, group_id: int, role: str, key: str = "", etag: str = "") -> Outcome[Vm]:
        """Lets a VM belong to a role of a group; one that has a host must be where the group wants it."""
        return self._change("POST", f"/{which}/actions/join-group", {"group_id": group_id, "role": role}, key, etag)

    def leave_group(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[Vm]:
        """Takes a VM out of its group."""
        return self._change("POST", f"/{which}/actions/leave-group", {}, key, etag)

    def schedule(self, which: int, /, *, template: str | Attributes, key: str = "", etag: str = "") -> Outcome[Vm]:
        """Schedules an action on a VM; its number."""
        return self._change("POST", f"/{which}/actions/schedule", {"template": template}, key, etag)

    def update_schedule(self, which: int, /, *, number: int, template: str | Attributes, key: str = "", etag: str = "") -> Outcome[Vm]:
        """Changes the attributes that are given of a VM's scheduled action."""
        return self._change("POST", f"/{which}/actions/update-schedule", {"number": number, "template": template}, key, etag)

    def delete_schedule(self, which: int, /, *, number: int, key: str = "", etag: str = "") -> Outcome[Vm]:
        """Takes a VM's scheduled action away."""
        return self._change("POST", f"/{which}/actions/delete-schedule", {"number": number}, key, etag)

    def lock(self, which: int, /, *, level: int | None = None, test: bool | None = None, key: str = "", etag: str = "") -> Outcome[Vm]:
        """Locks an object; with `test` only refuses if it is locked."""
        return self._change("POST", f"/{which}/actions/lock", {"level": level, "test": test}, key, etag)

    def unlock(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[Vm]:
        """Unlocks an object: its lock's owner may, and administrators."""
        return self._change("POST", f"/{which}/actions/unlock", {}, key, etag)


class Hosts(Collection["Host"]):
    """Hosts."""

    path = "hosts"

    def all(self, *, name: str | None = None, name_prefix: str | None = None, state: str | None = None, label: str | None = None, limit: int | None = None) -> Iterator[Host]:
        """Those that the caller may use, page by page."""
        return self._all({"name": name, "name_prefix": name_prefix, "state": state, "label": label, "limit": limit})

    def create(self, *, name: str, im_mad: str | None = None, vm_mad: str | None = None, cluster_id: int | None = None, key: str = "") -> Outcome[Host]:
        """Adds a host; its agent is started once this is durable."""
        return self._change("POST", "", {"name": name, "im_mad": im_mad, "vm_mad": vm_mad, "cluster_id": cluster_id}, key)

    def update(self, which: int, /, *, name: str | None = None, template: str | Attributes | None = None, merge: bool | None = None, cluster_id: int | None = None, key: str = "", etag: str = "") -> Outcome[Host]:
        """Gives a host another name, which is also the name by which it is reached. Replaces or merges a host's template; what the agent reported is put back. Puts a host into a cluster."""
        return self._change("PATCH", f"/{which}", {"name": name, "template": template, "merge": merge, "cluster_id": cluster_id}, key, etag)

    def delete(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[Host]:
        """Removes a host that has no VMs."""
        return self._change("DELETE", f"/{which}", {}, key, etag)

    def enable(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[Host]:
        """Lets VMs come to a host."""
        return self._change("POST", f"/{which}/actions/enable", {}, key, etag)

    def disable(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[Host]:
        """Lets no new VMs come to a host."""
        return self._change("POST", f"/{which}/actions/disable", {}, key, etag)

    def offline(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[Host]:
        """Takes a host out; it is not even monitored."""
        return self._change("POST", f"/{which}/actions/offline", {}, key, etag)


class Clusters(Collection["Cluster"]):
    """Clusters."""

    path = "clusters"

    def all(self, *, name: str | None = None, name_prefix: str | None = None, label: str | None = None, limit: int | None = None) -> Iterator[Cluster]:
        """Those that the caller may use, page by page."""
        return self._all({"name": name, "name_prefix": name_prefix, "label": label, "limit": limit})

    def create(self, *, name: str, key: str = "") -> Outcome[Cluster]:
        """Creates a cluster."""
        return self._change("POST", "", {"name": name}, key)

    def update(self, which: int, /, *, name: str | None = None, template: str | Attributes | None = None, merge: bool | None = None, key: str = "", etag: str = "") -> Outcome[Cluster]:
        """Gives a cluster another name. Replaces or merges a cluster's template."""
        return self._change("PATCH", f"/{which}", {"name": name, "template": template, "merge": merge}, key, etag)

    def delete(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[Cluster]:
        """Deletes an empty cluster."""
        return self._change("DELETE", f"/{which}", {}, key, etag)

    def add_host(self, which: int, /, *, host_id: int, key: str = "", etag: str = "") -> Outcome[Cluster]:
        """Puts a host into a cluster."""
        return self._change("POST", f"/{which}/actions/add-host", {"host_id": host_id}, key, etag)

    def remove_host(self, which: int, /, *, host_id: int, key: str = "", etag: str = "") -> Outcome[Cluster]:
        """A host is always in one cluster: to take it out is to put it into the default one."""
        return self._change("POST", f"/{which}/actions/remove-host", {"host_id": host_id}, key, etag)

    def add_datastore(self, which: int, /, *, datastore_id: int, key: str = "", etag: str = "") -> Outcome[Cluster]:
        """Adds a datastore or network to a cluster; one that is in it already stays."""
        return self._change("POST", f"/{which}/actions/add-datastore", {"datastore_id": datastore_id}, key, etag)

    def remove_datastore(self, which: int, /, *, datastore_id: int, key: str = "", etag: str = "") -> Outcome[Cluster]:
        """Takes a datastore or network out of a cluster."""
        return self._change("POST", f"/{which}/actions/remove-datastore", {"datastore_id": datastore_id}, key, etag)

    def add_network(self, which: int, /, *, network_id: int, key: str = "", etag: str = "") -> Outcome[Cluster]:
        """Adds a datastore or network to a cluster; one that is in it already stays."""
        return self._change("POST", f"/{which}/actions/add-network", {"network_id": network_id}, key, etag)

    def remove_network(self, which: int, /, *, network_id: int, key: str = "", etag: str = "") -> Outcome[Cluster]:
        """Takes a datastore or network out of a cluster."""
        return self._change("POST", f"/{which}/actions/remove-network", {"network_id": network_id}, key, etag)


class Images(Collection["Image"]):
    """Images."""

    path = "images"

    def all(self, *, name: str | None = None, name_prefix: str | None = None, owner: str | None = None, group: str | None = None, state: str | None = None, label: str | None = None, limit: int | None = None) -> Iterator[Image]:
        """Those that the caller may use, page by page."""
        return self._all({"name": name, "name_prefix": name_prefix, "owner": owner, "group": group, "state": state, "label": label, "limit": limit})

    def create(self, *, template: str | Attributes, datastore_id: int | None = None, no_check_capacity: bool | None = None, key: str = "") -> Outcome[Image]:
        """Registers an image; its content is brought in once this is durable."""
        return self._change("POST", "", {"template": template, "datastore_id": datastore_id, "no_check_capacity": no_check_capacity}, key)

    def update(self, which: int, /, *, name: str | None = None, template: str | Attributes | None = None, merge: bool | None = None, enabled: bool | None = None, persistent: bool | None = None, type: str | None = None, permissions: str | None = None, uid: int | None = None, gid: int | None = None, key: str = "", etag: str = "") -> Outcome[Image]:
        """Gives an object another name. Replaces or merges an image's template. Makes an image usable, or not. Makes VMs write to the image itself, or to copies. Changes an image's type within its family. Sets the permission bits, three octal digits. Gives an object to another owner or group (-1 keeps)."""
        return self._change("PATCH", f"/{which}", {"name": name, "template": template, "merge": merge, "enabled": enabled, "persistent": persistent, "type": type, "permissions": permissions, "uid": uid, "gid": gid}, key, etag)

    def delete(self, which: int, /, *, force: bool | None = None, key: str = "", etag: str = "") -> Outcome[Image]:
        """Removes an image that nobody uses; one that is still locked only by force."""
        return self._change("DELETE", f"/{which}", {"force": force}, key, etag)

    def clone(self, which: int, /, *, name: str, datastore_id: int | None = None, key: str = "", etag: str = "") -> Outcome[Image]:
        """Copies an image."""
        return self._change("POST", f"/{which}/actions/clone", {"name": name, "datastore_id": datastore_id}, key, etag)

    def restore(self, which: int, /, *, datastore_id: int, options: str | None = None, key: str = "", etag: str = "") -> Outcome[Image]:
        """Makes images of the disks as they were, and a template that boots from them: "template image image ..."."""
        return self._change("POST", f"/{which}/actions/restore", {"datastore_id": datastore_id, "options": options}, key, etag)

    def lock(self, which: int, /, *, level: int | None = None, test: bool | None = None, key: str = "", etag: str = "") -> Outcome[Image]:
        """Locks an object; with `test` only refuses if it is locked."""
        return self._change("POST", f"/{which}/actions/lock", {"level": level, "test": test}, key, etag)

    def unlock(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[Image]:
        """Unlocks an object: its lock's owner may, and administrators."""
        return self._change("POST", f"/{which}/actions/unlock", {}, key, etag)


class Datastores(Collection["Datastore"]):
    """Datastores."""

    path = "datastores"

    def all(self, *, name: str | None = None, name_prefix: str | None = None, owner: str | None = None, group: str | None = None, label: str | None = None, limit: int | None = None) -> Iterator[Datastore]:
        """Those that the caller may use, page by page."""
        return self._all({"name": name, "name_prefix": name_prefix, "owner": owner, "group": group, "label": label, "limit": limit})

    def create(self, *, template: str | Attributes, cluster_id: int | None = None, key: str = "") -> Outcome[Datastore]:
        """Creates a datastore below `root` (the front end's datastore folder)."""
        return self._change("POST", "", {"template": template, "cluster_id": cluster_id}, key)

    def update(self, which: int, /, *, name: str | None = None, template: str | Attributes | None = None, merge: bool | None = None, enabled: bool | None = None, permissions: str | None = None, uid: int | None = None, gid: int | None = None, key: str = "", etag: str = "") -> Outcome[Datastore]:
        """Gives an object another name. Replaces or merges a datastore's template. Lets a system datastore take new VMs, or not. Sets the permission bits, three octal digits. Gives an object to another owner or group (-1 keeps)."""
        return self._change("PATCH", f"/{which}", {"name": name, "template": template, "merge": merge, "enabled": enabled, "permissions": permissions, "uid": uid, "gid": gid}, key, etag)

    def delete(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[Datastore]:
        """Deletes a datastore without images and disks of VMs, to which no backup is on its way."""
        return self._change("DELETE", f"/{which}", {}, key, etag)


class Networks(Collection["Network"]):
    """Networks."""

    path = "networks"

    def all(self, *, name: str | None = None, name_prefix: str | None = None, owner: str | None = None, group: str | None = None, state: str | None = None, label: str | None = None, limit: int | None = None) -> Iterator[Network]:
        """Those that the caller may use, page by page."""
        return self._all({"name": name, "name_prefix": name_prefix, "owner": owner, "group": group, "state": state, "label": label, "limit": limit})

    def create(self, *, template: str | Attributes, cluster_id: int | None = None, key: str = "") -> Outcome[Network]:
        """Creates a network. Its bridge is made on a host when the first VM there needs it."""
        return self._change("POST", "", {"template": template, "cluster_id": cluster_id}, key)

    def update(self, which: int, /, *, name: str | None = None, template: str | Attributes | None = None, merge: bool | None = None, permissions: str | None = None, uid: int | None = None, gid: int | None = None, key: str = "", etag: str = "") -> Outcome[Network]:
        """Gives an object another name. Replaces or merges a network's template; what is a field of the record stays as it is. Sets the permission bits, three octal digits. Gives an object to another owner or group (-1 keeps)."""
        return self._change("PATCH", f"/{which}", {"name": name, "template": template, "merge": merge, "permissions": permissions, "uid": uid, "gid": gid}, key, etag)

    def delete(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[Network]:
        """Deletes a network of which no lease is taken."""
        return self._change("DELETE", f"/{which}", {}, key, etag)

    def add_range(self, which: int, /, *, template: str | Attributes, key: str = "", etag: str = "") -> Outcome[Network]:
        """Adds an address range."""
        return self._change("POST", f"/{which}/actions/add-range", {"template": template}, key, etag)

    def update_range(self, which: int, /, *, template: str | Attributes, key: str = "", etag: str = "") -> Outcome[Network]:
        """Changes attributes of an address range; its addresses stay, its size may change around its leases."""
        return self._change("POST", f"/{which}/actions/update-range", {"template": template}, key, etag)

    def remove_range(self, which: int, /, *, range_id: int, force: bool | None = None, key: str = "", etag: str = "") -> Outcome[Network]:
        """Removes an address range; one with leases only by force."""
        return self._change("POST", f"/{which}/actions/remove-range", {"range_id": range_id, "force": force}, key, etag)

    def hold(self, which: int, /, *, template: str | Attributes, key: str = "", etag: str = "") -> Outcome[Network]:
        """Keeps an address from being given to VMs."""
        return self._change("POST", f"/{which}/actions/hold", {"template": template}, key, etag)

    def release(self, which: int, /, *, template: str | Attributes, key: str = "", etag: str = "") -> Outcome[Network]:
        """Ends a hold."""
        return self._change("POST", f"/{which}/actions/release", {"template": template}, key, etag)

    def reserve(self, which: int, /, *, template: str | Attributes, key: str = "", etag: str = "") -> Outcome[Network]:
        """Takes addresses out of a network: for a new one (NAME), or for a reservation that there is (NETWORK_ID)."""
        return self._change("POST", f"/{which}/actions/reserve", {"template": template}, key, etag)

    def free_range(self, which: int, /, *, range_id: int, key: str = "", etag: str = "") -> Outcome[Network]:
        """Gives a range of a reservation back to its parent."""
        return self._change("POST", f"/{which}/actions/free-range", {"range_id": range_id}, key, etag)

    def recover(self, which: int, /, *, operation: Literal['failure', 'success', 'delete', 'retry'], key: str = "", etag: str = "") -> Outcome[Network]:
        """Recover operations 0 to 3: failure, success, delete, retry (spec: states.md section 8)."""
        return self._change("POST", f"/{which}/actions/recover", {"operation": operation}, key, etag)

    def lock(self, which: int, /, *, level: int | None = None, test: bool | None = None, key: str = "", etag: str = "") -> Outcome[Network]:
        """Locks an object; with `test` only refuses if it is locked."""
        return self._change("POST", f"/{which}/actions/lock", {"level": level, "test": test}, key, etag)

    def unlock(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[Network]:
        """Unlocks an object: its lock's owner may, and administrators."""
        return self._change("POST", f"/{which}/actions/unlock", {}, key, etag)


class Templates(Collection["VmTemplate"]):
    """Templates."""

    path = "templates"

    def all(self, *, name: str | None = None, name_prefix: str | None = None, owner: str | None = None, group: str | None = None, label: str | None = None, limit: int | None = None) -> Iterator[VmTemplate]:
        """Those that the caller may use, page by page."""
        return self._all({"name": name, "name_prefix": name_prefix, "owner": owner, "group": group, "label": label, "limit": limit})

    def create(self, *, template: str | Attributes, key: str = "") -> Outcome[VmTemplate]:
        """Stores a VM template."""
        return self._change("POST", "", {"template": template}, key)

    def update(self, which: int, /, *, name: str | None = None, template: str | Attributes | None = None, merge: bool | None = None, permissions: str | None = None, recursive: bool | None = None, uid: int | None = None, gid: int | None = None, key: str = "", etag: str = "") -> Outcome[VmTemplate]:
        """Gives an object another name. Replaces or merges the user's part of an object's template. Sets the permission bits, three octal digits, also of its images. Gives an object to another owner or group (-1 keeps)."""
        return self._change("PATCH", f"/{which}", {"name": name, "template": template, "merge": merge, "permissions": permissions, "recursive": recursive, "uid": uid, "gid": gid}, key, etag)

    def delete(self, which: int, /, *, recursive: bool | None = None, key: str = "", etag: str = "") -> Outcome[VmTemplate]:
        """Deletes a template, and its images where that is possible."""
        return self._change("DELETE", f"/{which}", {"recursive": recursive}, key, etag)

    def clone(self, which: int, /, *, name: str, recursive: bool | None = None, key: str = "", etag: str = "") -> Outcome[VmTemplate]:
        """Copies a template, and its images as `<name>-disk-<n>`."""
        return self._change("POST", f"/{which}/actions/clone", {"name": name, "recursive": recursive}, key, etag)

    def instantiate(self, which: int, /, *, name: str | None = None, hold: bool | None = None, template: str | Attributes | None = None, persistent: bool | None = None, key: str = "", etag: str = "") -> Outcome[VmTemplate]:
        """Makes a VM from a template; `persistent` first makes a copy of it with persistent copies of its images."""
        return self._change("POST", f"/{which}/actions/instantiate", {"name": name, "hold": hold, "template": template, "persistent": persistent}, key, etag)

    def lock(self, which: int, /, *, level: int | None = None, test: bool | None = None, key: str = "", etag: str = "") -> Outcome[VmTemplate]:
        """Locks an object; with `test` only refuses if it is locked."""
        return self._change("POST", f"/{which}/actions/lock", {"level": level, "test": test}, key, etag)

    def unlock(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[VmTemplate]:
        """Unlocks an object: its lock's owner may, and administrators."""
        return self._change("POST", f"/{which}/actions/unlock", {}, key, etag)


class SecurityGroups(Collection["SecurityGroup"]):
    """Security-groups."""

    path = "security-groups"

    def all(self, *, name: str | None = None, name_prefix: str | None = None, owner: str | None = None, group: str | None = None, label: str | None = None, limit: int | None = None) -> Iterator[SecurityGroup]:
        """Those that the caller may use, page by page."""
        return self._all({"name": name, "name_prefix": name_prefix, "owner": owner, "group": group, "label": label, "limit": limit})

    def create(self, *, template: str | Attributes, key: str = "") -> Outcome[SecurityGroup]:
        """Creates a group from its rules."""
        return self._change("POST", "", {"template": template}, key)

    def update(self, which: int, /, *, name: str | None = None, template: str | Attributes | None = None, merge: bool | None = None, permissions: str | None = None, uid: int | None = None, gid: int | None = None, key: str = "", etag: str = "") -> Outcome[SecurityGroup]:
        """Gives an object another name. Replaces or merges a group's rules; its VMs get them one after the other. Sets the permission bits, three octal digits. Gives an object to another owner or group (-1 keeps)."""
        return self._change("PATCH", f"/{which}", {"name": name, "template": template, "merge": merge, "permissions": permissions, "uid": uid, "gid": gid}, key, etag)

    def delete(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[SecurityGroup]:
        """Deletes a group that nothing uses."""
        return self._change("DELETE", f"/{which}", {}, key, etag)

    def clone(self, which: int, /, *, name: str, key: str = "", etag: str = "") -> Outcome[SecurityGroup]:
        """Copies a group."""
        return self._change("POST", f"/{which}/actions/clone", {"name": name}, key, etag)

    def commit(self, which: int, /, *, only_outdated: bool | None = None, key: str = "", etag: str = "") -> Outcome[SecurityGroup]:
        """Tells the hosts of the group's VMs its rules again: of all, or of those that have not got them."""
        return self._change("POST", f"/{which}/actions/commit", {"only_outdated": only_outdated}, key, etag)


class NetworkTemplates(Collection["VnTemplate"]):
    """Network-templates."""

    path = "network-templates"

    def all(self, *, name: str | None = None, name_prefix: str | None = None, owner: str | None = None, group: str | None = None, label: str | None = None, limit: int | None = None) -> Iterator[VnTemplate]:
        """Those that the caller may use, page by page."""
        return self._all({"name": name, "name_prefix": name_prefix, "owner": owner, "group": group, "label": label, "limit": limit})

    def create(self, *, template: str | Attributes, key: str = "") -> Outcome[VnTemplate]:
        """Stores a template."""
        return self._change("POST", "", {"template": template}, key)

    def update(self, which: int, /, *, name: str | None = None, template: str | Attributes | None = None, merge: bool | None = None, permissions: str | None = None, uid: int | None = None, gid: int | None = None, key: str = "", etag: str = "") -> Outcome[VnTemplate]:
        """Gives an object another name. Replaces or merges the user's part of an object's template. Sets the permission bits, three octal digits. Gives an object to another owner or group (-1 keeps)."""
        return self._change("PATCH", f"/{which}", {"name": name, "template": template, "merge": merge, "permissions": permissions, "uid": uid, "gid": gid}, key, etag)

    def delete(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[VnTemplate]:
        """Deletes an object that nothing can depend on."""
        return self._change("DELETE", f"/{which}", {}, key, etag)

    def clone(self, which: int, /, *, name: str, key: str = "", etag: str = "") -> Outcome[VnTemplate]:
        """Copies a template."""
        return self._change("POST", f"/{which}/actions/clone", {"name": name}, key, etag)

    def instantiate(self, which: int, /, *, name: str | None = None, template: str | Attributes | None = None, key: str = "", etag: str = "") -> Outcome[VnTemplate]:
        """Makes a network that is the caller's; `extra` is merged over the template, its address ranges are added."""
        return self._change("POST", f"/{which}/actions/instantiate", {"name": name, "template": template}, key, etag)

    def lock(self, which: int, /, *, level: int | None = None, test: bool | None = None, key: str = "", etag: str = "") -> Outcome[VnTemplate]:
        """Locks an object; with `test` only refuses if it is locked."""
        return self._change("POST", f"/{which}/actions/lock", {"level": level, "test": test}, key, etag)

    def unlock(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[VnTemplate]:
        """Unlocks an object: its lock's owner may, and administrators."""
        return self._change("POST", f"/{which}/actions/unlock", {}, key, etag)


class VmGroups(Collection["VmGroup"]):
    """Vm-groups."""

    path = "vm-groups"

    def all(self, *, name: str | None = None, name_prefix: str | None = None, owner: str | None = None, group: str | None = None, label: str | None = None, limit: int | None = None) -> Iterator[VmGroup]:
        """Those that the caller may use, page by page."""
        return self._all({"name": name, "name_prefix": name_prefix, "owner": owner, "group": group, "label": label, "limit": limit})

    def create(self, *, template: str | Attributes, key: str = "") -> Outcome[VmGroup]:
        """Makes a group of the ROLEs and rules of a template."""
        return self._change("POST", "", {"template": template}, key)

    def update(self, which: int, /, *, name: str | None = None, template: str | Attributes | None = None, merge: bool | None = None, permissions: str | None = None, uid: int | None = None, gid: int | None = None, key: str = "", etag: str = "") -> Outcome[VmGroup]:
        """Gives an object another name. Replaces or merges the rules and what else users wrote; roles have methods of their own. Sets the permission bits, three octal digits. Gives an object to another owner or group (-1 keeps)."""
        return self._change("PATCH", f"/{which}", {"name": name, "template": template, "merge": merge, "permissions": permissions, "uid": uid, "gid": gid}, key, etag)

    def delete(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[VmGroup]:
        """Deletes a group that no VM belongs to."""
        return self._change("DELETE", f"/{which}", {}, key, etag)

    def add_role(self, which: int, /, *, template: str | Attributes, key: str = "", etag: str = "") -> Outcome[VmGroup]:
        """Adds a role: ROLE=[NAME=...]."""
        return self._change("POST", f"/{which}/actions/add-role", {"template": template}, key, etag)

    def delete_role(self, which: int, /, *, role_id: int, key: str = "", etag: str = "") -> Outcome[VmGroup]:
        """Takes a role away that no VM has and no rule names."""
        return self._change("POST", f"/{which}/actions/delete-role", {"role_id": role_id}, key, etag)

    def update_role(self, which: int, /, *, role_id: int, template: str | Attributes, key: str = "", etag: str = "") -> Outcome[VmGroup]:
        """Changes a role; its name stays, as its VMs know it by that."""
        return self._change("POST", f"/{which}/actions/update-role", {"role_id": role_id, "template": template}, key, etag)

    def lock(self, which: int, /, *, level: int | None = None, test: bool | None = None, key: str = "", etag: str = "") -> Outcome[VmGroup]:
        """Locks an object; with `test` only refuses if it is locked."""
        return self._change("POST", f"/{which}/actions/lock", {"level": level, "test": test}, key, etag)

    def unlock(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[VmGroup]:
        """Unlocks an object: its lock's owner may, and administrators."""
        return self._change("POST", f"/{which}/actions/unlock", {}, key, etag)


class VirtualRouters(Collection["VRouter"]):
    """Virtual-routers."""

    path = "virtual-routers"

    def all(self, *, name: str | None = None, name_prefix: str | None = None, owner: str | None = None, group: str | None = None, label: str | None = None, limit: int | None = None) -> Iterator[VRouter]:
        """Those that the caller may use, page by page."""
        return self._all({"name": name, "name_prefix": name_prefix, "owner": owner, "group": group, "label": label, "limit": limit})

    def create(self, *, template: str | Attributes, key: str = "") -> Outcome[VRouter]:
        """Makes a router without VMs; its floating addresses are taken."""
        return self._change("POST", "", {"template": template}, key)

    def update(self, which: int, /, *, name: str | None = None, template: str | Attributes | None = None, merge: bool | None = None, permissions: str | None = None, uid: int | None = None, gid: int | None = None, key: str = "", etag: str = "") -> Outcome[VRouter]:
        """Gives an object another name. Replaces (0) or merges (1) what users wrote; NICs have methods of their own. Sets the permission bits, three octal digits. Gives a router and its VMs to another owner or group (-1 keeps)."""
        return self._change("PATCH", f"/{which}", {"name": name, "template": template, "merge": merge, "permissions": permissions, "uid": uid, "gid": gid}, key, etag)

    def delete(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[VRouter]:
        """Ends a router's VMs, and with the last of them the router; its addresses are its own until then."""
        return self._change("DELETE", f"/{which}", {}, key, etag)

    def instantiate(self, which: int, /, *, count: int | None = None, template_id: int | None = None, name: str | None = None, hold: bool | None = None, template: str | Attributes | None = None, key: str = "", etag: str = "") -> Outcome[VRouter]:
        """Makes VMs of a router from a template with VROUTER=YES (-1: the router's TEMPLATE_ID); %i in a name counts."""
        return self._change("POST", f"/{which}/actions/instantiate", {"count": count, "template_id": template_id, "name": name, "hold": hold, "template": template}, key, etag)

    def attach_nic(self, which: int, /, *, template: str | Attributes, key: str = "", etag: str = "") -> Outcome[VRouter]:
        """Gives a router, and each of its VMs, one more NIC."""
        return self._change("POST", f"/{which}/actions/attach-nic", {"template": template}, key, etag)

    def detach_nic(self, which: int, /, *, nic_id: int, key: str = "", etag: str = "") -> Outcome[VRouter]:
        """Takes a NIC from a router and each of its VMs; a floating address is free then."""
        return self._change("POST", f"/{which}/actions/detach-nic", {"nic_id": nic_id}, key, etag)

    def lock(self, which: int, /, *, level: int | None = None, test: bool | None = None, key: str = "", etag: str = "") -> Outcome[VRouter]:
        """Locks an object; with `test` only refuses if it is locked."""
        return self._change("POST", f"/{which}/actions/lock", {"level": level, "test": test}, key, etag)

    def unlock(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[VRouter]:
        """Unlocks an object: its lock's owner may, and administrators."""
        return self._change("POST", f"/{which}/actions/unlock", {}, key, etag)


class Documents(Collection["Document"]):
    """Documents."""

    path = "documents"

    def all(self, *, name: str | None = None, name_prefix: str | None = None, owner: str | None = None, group: str | None = None, label: str | None = None, limit: int | None = None) -> Iterator[Document]:
        """Those that the caller may use, page by page."""
        return self._all({"name": name, "name_prefix": name_prefix, "owner": owner, "group": group, "label": label, "limit": limit})

    def create(self, *, template: str | Attributes, type: int, key: str = "") -> Outcome[Document]:
        """Stores a document of a type."""
        return self._change("POST", "", {"template": template, "type": type}, key)

    def update(self, which: int, /, *, name: str | None = None, template: str | Attributes | None = None, merge: bool | None = None, permissions: str | None = None, uid: int | None = None, gid: int | None = None, key: str = "", etag: str = "") -> Outcome[Document]:
        """Gives an object another name. Replaces or merges the user's part of an object's template. Sets the permission bits, three octal digits. Gives an object to another owner or group (-1 keeps)."""
        return self._change("PATCH", f"/{which}", {"name": name, "template": template, "merge": merge, "permissions": permissions, "uid": uid, "gid": gid}, key, etag)

    def delete(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[Document]:
        """Deletes an object that nothing can depend on."""
        return self._change("DELETE", f"/{which}", {}, key, etag)

    def clone(self, which: int, /, *, name: str, key: str = "", etag: str = "") -> Outcome[Document]:
        """Copies a document."""
        return self._change("POST", f"/{which}/actions/clone", {"name": name}, key, etag)

    def lock(self, which: int, /, *, level: int | None = None, test: bool | None = None, key: str = "", etag: str = "") -> Outcome[Document]:
        """Locks an object; with `test` only refuses if it is locked."""
        return self._change("POST", f"/{which}/actions/lock", {"level": level, "test": test}, key, etag)

    def unlock(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[Document]:
        """Unlocks an object: its lock's owner may, and administrators."""
        return self._change("POST", f"/{which}/actions/unlock", {}, key, etag)


class Hooks(Collection["Hook"]):
    """Hooks."""

    path = "hooks"

    def all(self, *, name: str | None = None, name_prefix: str | None = None, label: str | None = None, limit: int | None = None) -> Iterator[Hook]:
        """Those that the caller may use, page by page."""
        return self._all({"name": name, "name_prefix": name_prefix, "label": label, "limit": limit})

    def create(self, *, template: str | Attributes, key: str = "") -> Outcome[Hook]:
        """Writes a hook. `calls` are the methods that there are hooks on."""
        return self._change("POST", "", {"template": template}, key)

    def update(self, which: int, /, *, name: str | None = None, template: str | Attributes | None = None, merge: bool | None = None, key: str = "", etag: str = "") -> Outcome[Hook]:
        """Gives an object another name. Replaces or merges a hook's template; its type stays."""
        return self._change("PATCH", f"/{which}", {"name": name, "template": template, "merge": merge}, key, etag)

    def delete(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[Hook]:
        """Deletes a hook and its log. What runs goes on, and nobody hears of its end."""
        return self._change("DELETE", f"/{which}", {}, key, etag)

    def retry(self, which: int, /, *, execution: int, key: str = "", etag: str = "") -> Outcome[Hook]:
        """Does an execution again, with what it was given then."""
        return self._change("POST", f"/{which}/actions/retry", {"execution": execution}, key, etag)

    def lock(self, which: int, /, *, level: int | None = None, test: bool | None = None, key: str = "", etag: str = "") -> Outcome[Hook]:
        """Locks an object; with `test` only refuses if it is locked."""
        return self._change("POST", f"/{which}/actions/lock", {"level": level, "test": test}, key, etag)

    def unlock(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[Hook]:
        """Unlocks an object: its lock's owner may, and administrators."""
        return self._change("POST", f"/{which}/actions/unlock", {}, key, etag)


class BackupJobs(Collection["BackupJob"]):
    """Backup-jobs."""

    path = "backup-jobs"

    def all(self, *, name: str | None = None, name_prefix: str | None = None, owner: str | None = None, group: str | None = None, label: str | None = None, limit: int | None = None) -> Iterator[BackupJob]:
        """Those that the caller may use, page by page."""
        return self._all({"name": name, "name_prefix": name_prefix, "owner": owner, "group": group, "label": label, "limit": limit})

    def create(self, *, template: str | Attributes, key: str = "") -> Outcome[BackupJob]:
        """Makes a job; its SCHED_ACTIONs say when it runs."""
        return self._change("POST", "", {"template": template}, key)

    def update(self, which: int, /, *, name: str | None = None, template: str | Attributes | None = None, merge: bool | None = None, priority: int | None = None, permissions: str | None = None, uid: int | None = None, gid: int | None = None, key: str = "", etag: str = "") -> Outcome[BackupJob]:
        """Gives an object another name. Replaces or merges a job's template; a run that is under way goes on with the VMs that it began with. Sets whose turn is first, of several jobs that run. Sets the permission bits, three octal digits. Gives an object to another owner or group (-1 keeps)."""
        return self._change("PATCH", f"/{which}", {"name": name, "template": template, "merge": merge, "priority": priority, "permissions": permissions, "uid": uid, "gid": gid}, key, etag)

    def delete(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[BackupJob]:
        """Deletes a job that does nothing now."""
        return self._change("DELETE", f"/{which}", {}, key, etag)

    def backup(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[BackupJob]:
        """Begins a run: all its VMs wait."""
        return self._change("POST", f"/{which}/actions/backup", {}, key, etag)

    def cancel(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[BackupJob]:
        """Gives a run up, with the backups that are being made."""
        return self._change("POST", f"/{which}/actions/cancel", {}, key, etag)

    def retry(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[BackupJob]:
        """Lets those wait again that could not be backed up."""
        return self._change("POST", f"/{which}/actions/retry", {}, key, etag)

    def schedule(self, which: int, /, *, template: str | Attributes, key: str = "", etag: str = "") -> Outcome[BackupJob]:
        """Schedules an action on an object; its number."""
        return self._change("POST", f"/{which}/actions/schedule", {"template": template}, key, etag)

    def update_schedule(self, which: int, /, *, number: int, template: str | Attributes, key: str = "", etag: str = "") -> Outcome[BackupJob]:
        """Changes the attributes that are given of a scheduled action."""
        return self._change("POST", f"/{which}/actions/update-schedule", {"number": number, "template": template}, key, etag)

    def delete_schedule(self, which: int, /, *, number: int, key: str = "", etag: str = "") -> Outcome[BackupJob]:
        """Takes a scheduled action away."""
        return self._change("POST", f"/{which}/actions/delete-schedule", {"number": number}, key, etag)

    def lock(self, which: int, /, *, level: int | None = None, test: bool | None = None, key: str = "", etag: str = "") -> Outcome[BackupJob]:
        """Locks an object; with `test` only refuses if it is locked."""
        return self._change("POST", f"/{which}/actions/lock", {"level": level, "test": test}, key, etag)

    def unlock(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[BackupJob]:
        """Unlocks an object: its lock's owner may, and administrators."""
        return self._change("POST", f"/{which}/actions/unlock", {}, key, etag)


class Zones(Collection["Zone"]):
    """Zones."""

    path = "zones"

    def all(self, *, name: str | None = None, name_prefix: str | None = None, state: str | None = None, label: str | None = None, limit: int | None = None) -> Iterator[Zone]:
        """Those that the caller may use, page by page."""
        return self._all({"name": name, "name_prefix": name_prefix, "state": state, "label": label, "limit": limit})

    def create(self, *, template: str | Attributes, key: str = "") -> Outcome[Zone]:
        """Other zones are made on the master of a federation only."""
        return self._change("POST", "", {"template": template}, key)

    def update(self, which: int, /, *, name: str | None = None, template: str | Attributes | None = None, merge: bool | None = None, enabled: bool | None = None, key: str = "", etag: str = "") -> Outcome[Zone]:
        """Gives an object another name. Replaces or merges a zone's template; the ENDPOINT stays when nothing is said of it. Lets a zone take changes, or not: a disabled one can be looked at only."""
        return self._change("PATCH", f"/{which}", {"name": name, "template": template, "merge": merge, "enabled": enabled}, key, etag)

    def delete(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[Zone]:
        """The own zone stays."""
        return self._change("DELETE", f"/{which}", {}, key, etag)

    def add_server(self, which: int, /, *, server: str, key: str = "", etag: str = "") -> Outcome[Zone]:
        """Refused: this front end stands alone."""
        return self._change("POST", f"/{which}/actions/add-server", {"server": server}, key, etag)

    def delete_server(self, which: int, /, *, server: str, key: str = "", etag: str = "") -> Outcome[Zone]:
        """Refused: this front end stands alone."""
        return self._change("POST", f"/{which}/actions/delete-server", {"server": server}, key, etag)

    def reset_server(self, which: int, /, *, server: str, key: str = "", etag: str = "") -> Outcome[Zone]:
        """Refused: this front end stands alone."""
        return self._change("POST", f"/{which}/actions/reset-server", {"server": server}, key, etag)


class Marketplaces(Collection["Market"]):
    """Marketplaces."""

    path = "marketplaces"

    def all(self, *, name: str | None = None, name_prefix: str | None = None, owner: str | None = None, group: str | None = None, state: str | None = None, label: str | None = None, limit: int | None = None) -> Iterator[Market]:
        """Those that the caller may use, page by page."""
        return self._all({"name": name, "name_prefix": name_prefix, "owner": owner, "group": group, "state": state, "label": label, "limit": limit})

    def create(self, *, template: str | Attributes, key: str = "") -> Outcome[Market]:
        """Makes a marketplace."""
        return self._change("POST", "", {"template": template}, key)

    def update(self, which: int, /, *, name: str | None = None, template: str | Attributes | None = None, merge: bool | None = None, enabled: bool | None = None, permissions: str | None = None, uid: int | None = None, gid: int | None = None, key: str = "", etag: str = "") -> Outcome[Market]:
        """Gives an object another name. Replaces or merges the user's part of an object's template. Lets a marketplace offer apps, or not. Sets the permission bits, three octal digits. Gives an object to another owner or group (-1 keeps)."""
        return self._change("PATCH", f"/{which}", {"name": name, "template": template, "merge": merge, "enabled": enabled, "permissions": permissions, "uid": uid, "gid": gid}, key, etag)

    def delete(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[Market]:
        """Deletes a marketplace; one of ours must have no apps."""
        return self._change("DELETE", f"/{which}", {}, key, etag)


class MarketplaceApps(Collection["MarketApp"]):
    """Marketplace-apps."""

    path = "marketplace-apps"

    def all(self, *, name: str | None = None, name_prefix: str | None = None, owner: str | None = None, group: str | None = None, state: str | None = None, label: str | None = None, limit: int | None = None) -> Iterator[MarketApp]:
        """Those that the caller may use, page by page."""
        return self._all({"name": name, "name_prefix": name_prefix, "owner": owner, "group": group, "state": state, "label": label, "limit": limit})

    def create(self, *, template: str | Attributes, market_id: int, key: str = "") -> Outcome[MarketApp]:
        """Offers an image or a template in a marketplace."""
        return self._change("POST", "", {"template": template, "market_id": market_id}, key)

    def update(self, which: int, /, *, name: str | None = None, template: str | Attributes | None = None, merge: bool | None = None, enabled: bool | None = None, permissions: str | None = None, uid: int | None = None, gid: int | None = None, key: str = "", etag: str = "") -> Outcome[MarketApp]:
        """Gives an object another name. Replaces or merges the user's part of an object's template. Lets an app be had, or not. Sets the permission bits, three octal digits. Gives an object to another owner or group (-1 keeps)."""
        return self._change("PATCH", f"/{which}", {"name": name, "template": template, "merge": merge, "enabled": enabled, "permissions": permissions, "uid": uid, "gid": gid}, key, etag)

    def delete(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[MarketApp]:
        """Takes an app out of a marketplace of ours."""
        return self._change("DELETE", f"/{which}", {}, key, etag)

    def lock(self, which: int, /, *, level: int | None = None, test: bool | None = None, key: str = "", etag: str = "") -> Outcome[MarketApp]:
        """Locks an object; with `test` only refuses if it is locked."""
        return self._change("POST", f"/{which}/actions/lock", {"level": level, "test": test}, key, etag)

    def unlock(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[MarketApp]:
        """Unlocks an object: its lock's owner may, and administrators."""
        return self._change("POST", f"/{which}/actions/unlock", {}, key, etag)


class Users(Collection["User"]):
    """Users."""

    path = "users"

    def all(self, *, name: str | None = None, name_prefix: str | None = None, label: str | None = None, limit: int | None = None) -> Iterator[User]:
        """Those that the caller may use, page by page."""
        return self._all({"name": name, "name_prefix": name_prefix, "label": label, "limit": limit})

    def create(self, *, name: str, password: str, driver: str | None = None, groups: list[int] | None = None, key: str = "") -> Outcome[User]:
        """Creates a user; the first group is the primary one (none given: the caller's, `users` for administrators)."""
        return self._change("POST", "", {"name": name, "password": password, "driver": driver, "groups": groups}, key)

    def update(self, which: int, /, *, template: str | Attributes | None = None, merge: bool | None = None, gid: int | None = None, enabled: bool | None = None, key: str = "", etag: str = "") -> Outcome[User]:
        """Replaces or merges the user's part of an object's template. Sets a user's primary group. The old one is left unless the user was in the new one already. Lets a user in, or keeps him out: all his sessions and tokens with him."""
        return self._change("PATCH", f"/{which}", {"template": template, "merge": merge, "gid": gid, "enabled": enabled}, key, etag)

    def delete(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[User]:
        """Deletes a user. What he owns stays, for administrators to give to others."""
        return self._change("DELETE", f"/{which}", {}, key, etag)

    def passwd(self, which: int, /, *, password: str, key: str = "", etag: str = "") -> Outcome[User]:
        """Sets a user's password; its tokens go with the old one."""
        return self._change("POST", f"/{which}/actions/passwd", {"password": password}, key, etag)

    def chauth(self, which: int, /, *, driver: str, password: str | None = None, key: str = "", etag: str = "") -> Outcome[User]:
        """Sets how a user is authenticated. `stored` is what the driver keeps; empty leaves it as it is."""
        return self._change("POST", f"/{which}/actions/chauth", {"driver": driver, "password": password}, key, etag)

    def add_group(self, which: int, /, *, group_id: int, key: str = "", etag: str = "") -> Outcome[User]:
        """Puts a user into one more group."""
        return self._change("POST", f"/{which}/actions/add-group", {"group_id": group_id}, key, etag)

    def remove_group(self, which: int, /, *, group_id: int, key: str = "", etag: str = "") -> Outcome[User]:
        """Takes a user out of a secondary group; who administrates it does so no more."""
        return self._change("POST", f"/{which}/actions/remove-group", {"group_id": group_id}, key, etag)

    def login(self, which: int, /, *, token: str | None = None, valid: int | None = None, egid: int | None = None, key: str = "", etag: str = "") -> Outcome[User]:
        """Makes a login token for seconds (-1: for ever), or ends it (0)."""
        return self._change("POST", f"/{which}/actions/login", {"token": token, "valid": valid, "egid": egid}, key, etag)

    def set_quota(self, which: int, /, *, template: str | Attributes, key: str = "", etag: str = "") -> Outcome[User]:
        """Sets limits of a user."""
        return self._change("POST", f"/{which}/actions/set-quota", {"template": template}, key, etag)


class Groups(Collection["Group"]):
    """Groups."""

    path = "groups"

    def all(self, *, name: str | None = None, name_prefix: str | None = None, label: str | None = None, limit: int | None = None) -> Iterator[Group]:
        """Those that the caller may use, page by page."""
        return self._all({"name": name, "name_prefix": name_prefix, "label": label, "limit": limit})

    def create(self, *, name: str, key: str = "") -> Outcome[Group]:
        """Creates a group."""
        return self._change("POST", "", {"name": name}, key)

    def update(self, which: int, /, *, template: str | Attributes | None = None, merge: bool | None = None, key: str = "", etag: str = "") -> Outcome[Group]:
        """Replaces or merges the user's part of an object's template."""
        return self._change("PATCH", f"/{which}", {"template": template, "merge": merge}, key, etag)

    def delete(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[Group]:
        """Deletes an empty group."""
        return self._change("DELETE", f"/{which}", {}, key, etag)

    def add_admin(self, which: int, /, *, user_id: int, key: str = "", etag: str = "") -> Outcome[Group]:
        """Makes a member an administrator of a group: four rules follow from it (`model/implied.py`)."""
        return self._change("POST", f"/{which}/actions/add-admin", {"user_id": user_id}, key, etag)

    def remove_admin(self, which: int, /, *, user_id: int, key: str = "", etag: str = "") -> Outcome[Group]:
        """Takes the office of a group's administrator from a user."""
        return self._change("POST", f"/{which}/actions/remove-admin", {"user_id": user_id}, key, etag)

    def set_quota(self, which: int, /, *, template: str | Attributes, key: str = "", etag: str = "") -> Outcome[Group]:
        """Sets limits of a group."""
        return self._change("POST", f"/{which}/actions/set-quota", {"template": template}, key, etag)

    def set_vlan_rules(self, which: int, /, *, template: str | Attributes, key: str = "", etag: str = "") -> Outcome[Group]:
        """Puts RULE vectors in place of a group's rules."""
        return self._change("POST", f"/{which}/actions/set-vlan-rules", {"template": template}, key, etag)


class Vdcs(Collection["Vdc"]):
    """Vdcs."""

    path = "vdcs"

    def all(self, *, name: str | None = None, name_prefix: str | None = None, label: str | None = None, limit: int | None = None) -> Iterator[Vdc]:
        """Those that the caller may use, page by page."""
        return self._all({"name": name, "name_prefix": name_prefix, "label": label, "limit": limit})

    def create(self, *, template: str | Attributes, key: str = "") -> Outcome[Vdc]:
        """Creates a VDC without groups and resources."""
        return self._change("POST", "", {"template": template}, key)

    def update(self, which: int, /, *, name: str | None = None, template: str | Attributes | None = None, merge: bool | None = None, key: str = "", etag: str = "") -> Outcome[Vdc]:
        """Gives an object another name. Replaces or merges the user's part of an object's template."""
        return self._change("PATCH", f"/{which}", {"name": name, "template": template, "merge": merge}, key, etag)

    def delete(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[Vdc]:
        """Deletes a VDC; what its groups could use through it they can use no more."""
        return self._change("DELETE", f"/{which}", {}, key, etag)

    def add_group(self, which: int, /, *, group_id: int, key: str = "", etag: str = "") -> Outcome[Vdc]:
        """Lets a group use what is in a VDC."""
        return self._change("POST", f"/{which}/actions/add-group", {"group_id": group_id}, key, etag)

    def remove_group(self, which: int, /, *, group_id: int, key: str = "", etag: str = "") -> Outcome[Vdc]:
        """Takes a group out of a VDC."""
        return self._change("POST", f"/{which}/actions/remove-group", {"group_id": group_id}, key, etag)

    def add_cluster(self, which: int, /, *, zone: int | None = None, cluster_id: int, key: str = "", etag: str = "") -> Outcome[Vdc]:
        """Puts a cluster into a VDC (-10: all)."""
        return self._change("POST", f"/{which}/actions/add-cluster", {"zone": zone, "cluster_id": cluster_id}, key, etag)

    def remove_cluster(self, which: int, /, *, zone: int | None = None, cluster_id: int, key: str = "", etag: str = "") -> Outcome[Vdc]:
        """Takes a cluster out of a VDC."""
        return self._change("POST", f"/{which}/actions/remove-cluster", {"zone": zone, "cluster_id": cluster_id}, key, etag)

    def add_host(self, which: int, /, *, zone: int | None = None, host_id: int, key: str = "", etag: str = "") -> Outcome[Vdc]:
        """Puts a host into a VDC (-10: all)."""
        return self._change("POST", f"/{which}/actions/add-host", {"zone": zone, "host_id": host_id}, key, etag)

    def remove_host(self, which: int, /, *, zone: int | None = None, host_id: int, key: str = "", etag: str = "") -> Outcome[Vdc]:
        """Takes a host out of a VDC."""
        return self._change("POST", f"/{which}/actions/remove-host", {"zone": zone, "host_id": host_id}, key, etag)

    def add_datastore(self, which: int, /, *, zone: int | None = None, datastore_id: int, key: str = "", etag: str = "") -> Outcome[Vdc]:
        """Puts a datastore into a VDC (-10: all)."""
        return self._change("POST", f"/{which}/actions/add-datastore", {"zone": zone, "datastore_id": datastore_id}, key, etag)

    def remove_datastore(self, which: int, /, *, zone: int | None = None, datastore_id: int, key: str = "", etag: str = "") -> Outcome[Vdc]:
        """Takes a datastore out of a VDC."""
        return self._change("POST", f"/{which}/actions/remove-datastore", {"zone": zone, "datastore_id": datastore_id}, key, etag)

    def add_network(self, which: int, /, *, zone: int | None = None, network_id: int, key: str = "", etag: str = "") -> Outcome[Vdc]:
        """Puts a virtual network into a VDC (-10: all)."""
        return self._change("POST", f"/{which}/actions/add-network", {"zone": zone, "network_id": network_id}, key, etag)

    def remove_network(self, which: int, /, *, zone: int | None = None, network_id: int, key: str = "", etag: str = "") -> Outcome[Vdc]:
        """Takes a virtual network out of a VDC."""
        return self._change("POST", f"/{which}/actions/remove-network", {"zone": zone, "network_id": network_id}, key, etag)


class Acl(Collection["AclRule"]):
    """Acl."""

    path = "acl"

    def all(self, *, name: str | None = None, name_prefix: str | None = None, limit: int | None = None) -> Iterator[AclRule]:
        """Those that the caller may use, page by page."""
        return self._all({"name": name, "name_prefix": name_prefix, "limit": limit})

    def create(self, *, user: str, resource: str, rights: str, zone: str | None = None, key: str = "") -> Outcome[AclRule]:
        """Adds a rule, given by its hexadecimal numbers."""
        return self._change("POST", "", {"user": user, "resource": resource, "rights": rights, "zone": zone}, key)

    def delete(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[AclRule]:
        """Deletes a rule that somebody has added."""
        return self._change("DELETE", f"/{which}", {}, key, etag)


class Webhooks(Collection["Webhook"]):
    """Webhooks."""

    path = "webhooks"

    def all(self, *, name: str | None = None, name_prefix: str | None = None, owner: str | None = None, group: str | None = None, label: str | None = None, limit: int | None = None) -> Iterator[Webhook]:
        """Those that the caller may use, page by page."""
        return self._all({"name": name, "name_prefix": name_prefix, "owner": owner, "group": group, "label": label, "limit": limit})

    def create(self, *, name: str, url: str, secret: str, kind: str | None = None, after: int | None = None, key: str = "") -> Outcome[Webhook]:
        """Makes a webhook; `after` is the event behind which it begins (-1: with what comes now)."""
        return self._change("POST", "", {"name": name, "url": url, "secret": secret, "kind": kind, "after": after}, key)

    def update(self, which: int, /, *, name: str | None = None, url: str | None = None, secret: str | None = None, kind: str | None = None, enabled: bool | None = None, key: str = "", etag: str = "") -> Outcome[Webhook]:
        """Gives an object another name. Sends to another address. Signs with another secret. Sends the events of one kind of objects, or of all. Sends, from where it stood; or does not."""
        return self._change("PATCH", f"/{which}", {"name": name, "url": url, "secret": secret, "kind": kind, "enabled": enabled}, key, etag)

    def delete(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[Webhook]:
        """Deletes an object that nothing can depend on."""
        return self._change("DELETE", f"/{which}", {}, key, etag)


class Operations(Collection["Operation"]):
    """Operations."""

    path = "operations"

    def all(self, *, name: str | None = None, name_prefix: str | None = None, owner: str | None = None, group: str | None = None, state: str | None = None, limit: int | None = None) -> Iterator[Operation]:
        """Those that the caller may use, page by page."""
        return self._all({"name": name, "name_prefix": name_prefix, "owner": owner, "group": group, "state": state, "limit": limit})

    def wait(self, which: int, /, *, wait: int) -> Operation:
        """One, when it has ended or the seconds are over."""
        found: Operation = self._request("GET", f"/{which}", {"wait": wait})
        return found

    def cancel(self, which: int, /, *, key: str = "", etag: str = "") -> Outcome[Operation]:
        """Gives an operation up: what was done is undone, if it still can be."""
        return self._change("DELETE", f"/{which}", {}, key, etag)


class Reports:
    """Documents in XML that are of no single kind, and the limits of those who have none of their own."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def accounting(self, *, filter: int | None = None, since: int | None = None, until: int | None = None) -> str:
        """Stays of VMs on hosts between two times (-1: open)."""
        return text(self._transport, "/vms/accounting", {"filter": filter, "since": since, "until": until})

    def showback(self, *, filter: int | None = None, first_month: int | None = None, first_year: int | None = None, last_month: int | None = None, last_year: int | None = None) -> str:
        """What VMs cost, month by month (-1: open)."""
        return text(self._transport, "/vms/showback", {"filter": filter, "first_month": first_month, "first_year": first_year, "last_month": last_month, "last_year": last_year})

    def monitoring_of_vms(self, *, filter: int | None = None, seconds: int | None = None) -> str:
        """Samples of VMs: all (-1), the last ones (0), those of the last seconds."""
        return text(self._transport, "/vms/monitoring", {"filter": filter, "seconds": seconds})

    def monitoring_of_vm(self, which: int, /) -> str:
        """All samples of a VM."""
        return text(self._transport, f"/vms/{which}/monitoring", {})

    def monitoring_of_hosts(self, *, seconds: int | None = None) -> str:
        """Samples of all hosts: all (-1), the last ones (0), those of the last seconds."""
        return text(self._transport, "/hosts/monitoring", {"seconds": seconds})

    def monitoring_of_host(self, which: int, /) -> str:
        """All samples of a host."""
        return text(self._transport, f"/hosts/{which}/monitoring", {})

    def hook_log(self, *, min_ts: int | None = None, max_ts: int | None = None, hook: int | None = None, rc: int | None = None) -> str:
        """Executions: since and until a time (-1: any), of a hook (-1: all), failed (-1), well (1) or all (0)."""
        return text(self._transport, "/hooks/log", {"min_ts": min_ts, "max_ts": max_ts, "hook": hook, "rc": rc})

    def quotas_of_users(self) -> str:
        """The default quotas of users."""
        return text(self._transport, "/quotas/user", {})

    def quotas_of_groups(self) -> str:
        """The default quotas of groups."""
        return text(self._transport, "/quotas/group", {})

    def raft_status(self) -> str:
        """How this front end stands among others: alone."""
        return text(self._transport, "/zones/raft", {})

    def configuration(self) -> str:
        """The configuration."""
        return text(self._transport, "/configuration", {})

    def limit(self, holder: Literal["user", "group"], *, template: str | Attributes) -> None:
        """Sets the limits of all users, or groups, that have none of their own."""
        self._transport.request("PUT", f"{ROOT}/quotas/{holder}", {}, {"template": template}, {})


class Pages:
    """What is neither an object nor an action on one."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def vms_why(self, vm: int, /) -> Any:
        """Why is the VM where it is, or nowhere?"""
        return page(self._transport, "GET", f"/vms/{vm}/why", {}, None)

    def vms_log(self, vm: int, /, *, which: str | None = None, offset: int | None = None) -> Any:
        """What the guest wrote on its serial port, or its hypervisor in its log."""
        return page(self._transport, "GET", f"/vms/{vm}/log", {"which": which, "offset": offset}, None)

    def vms_story(self, vm: int, /) -> Any:
        """What happened to the VM."""
        return page(self._transport, "GET", f"/vms/{vm}/story", {}, None)

    def acl_why(self, *, user: str | None = None, right: str | None = None, object: str | None = None) -> Any:
        """May a user do something to an object, and what says so?"""
        return page(self._transport, "GET", "/acl/why", {"user": user, "right": right, "object": object}, None)

    def version(self) -> Any:
        """The release of this front end, and that of OpenNebula whose API it keeps."""
        return page(self._transport, "GET", "/version", {}, None)

    def doctor(self) -> Any:
        """Is everything as it should be?"""
        return page(self._transport, "GET", "/doctor", {}, None)

    def audit(self, *, after: int | None = None, limit: int | None = None) -> Any:
        """The audit log from a line on, as it is stored: `rows`, and the number of the `last` one there is."""
        return page(self._transport, "GET", "/audit", {"after": after, "limit": limit}, None)

    def vms_console_token(self, vm: int, /, *, kind: str | None = None) -> Any:
        """A token for one console of a VM, and the page that shows it."""
        return page(self._transport, "POST", f"/vms/{vm}/console-token", {"kind": kind}, None)

    def vms_exec(self, vm: int, /, *, command: str, stdin: str | None = None, seconds: float | None = None) -> Any:
        """Runs a command in the guest, with all that its agent may do."""
        return page(self._transport, "POST", f"/vms/{vm}/exec", {}, said({"command": command, "stdin": stdin, "seconds": seconds}))

    def get_vms_redirects(self, vm: int, /) -> Any:
        """The redirects of a VM."""
        return page(self._transport, "GET", f"/vms/{vm}/redirects", {}, None)

    def post_vms_redirects(self, vm: int, /, *, to: int, nic: int | None = None, seconds: float | None = None, address: str | None = None, port: int | None = None) -> Any:
        """A new redirect, which listens when it is answered."""
        return page(self._transport, "POST", f"/vms/{vm}/redirects", {}, said({"to": to, "nic": nic, "seconds": seconds, "address": address, "port": port}))

    def delete_vms_redirects(self, vm: int, redirect: int, /) -> Any:
        """Ends a redirect."""
        return page(self._transport, "DELETE", f"/vms/{vm}/redirects/{redirect}", {}, None)

    def images_verify(self, image: int, /) -> Any:
        """Which increments are damaged."""
        return page(self._transport, "GET", f"/images/{image}/verify", {}, None)

    def get_hosts_profile(self, host: int, /) -> Any:
        """What a host is to be like, with its cluster's part, and where it is not."""
        return page(self._transport, "GET", f"/hosts/{host}/profile", {}, None)

    def post_hosts_profile(self, host: int, /, *, body: Any) -> Any:
        """Declares what a host is to be like; null takes it back."""
        return page(self._transport, "POST", f"/hosts/{host}/profile", {}, body)

    def delete_hosts_profile(self, host: int, /) -> Any:
        """Declares nothing of a host any more."""
        return page(self._transport, "DELETE", f"/hosts/{host}/profile", {}, None)

    def hosts_repair(self, host: int, /) -> Any:
        """Lets a host put right what is not as declared."""
        return page(self._transport, "POST", f"/hosts/{host}/repair", {}, None)

    def get_clusters_profile(self, cluster: int, /) -> Any:
        """What is declared for a cluster's hosts."""
        return page(self._transport, "GET", f"/clusters/{cluster}/profile", {}, None)

    def post_clusters_profile(self, cluster: int, /, *, body: Any) -> Any:
        """Declares what each host of a cluster is to be like; null takes it back."""
        return page(self._transport, "POST", f"/clusters/{cluster}/profile", {}, body)

    def delete_clusters_profile(self, cluster: int, /) -> Any:
        """Declares nothing of a cluster's hosts any more."""
        return page(self._transport, "DELETE", f"/clusters/{cluster}/profile", {}, None)


class Api:
    """All resources of a front end."""

    def __init__(self, transport: Transport) -> None:
        self.vms = Vms(transport)
        self.hosts = Hosts(transport)
        self.clusters = Clusters(transport)
        self.images = Images(transport)
        self.datastores = Datastores(transport)
        self.networks = Networks(transport)
        self.templates = Templates(transport)
        self.security_groups = SecurityGroups(transport)
        self.network_templates = NetworkTemplates(transport)
        self.vm_groups = VmGroups(transport)
        self.virtual_routers = VirtualRouters(transport)
        self.documents = Documents(transport)
        self.hooks = Hooks(transport)
        self.backup_jobs = BackupJobs(transport)
        self.zones = Zones(transport)
        self.marketplaces = Marketplaces(transport)
        self.marketplace_apps = MarketplaceApps(transport)
        self.users = Users(transport)
        self.groups = Groups(transport)
        self.vdcs = Vdcs(transport)
        self.acl = Acl(transport)
        self.webhooks = Webhooks(transport)
        self.operations = Operations(transport)
        self.events = Events(transport)
        self.reports = Reports(transport)
        self.pages = Pages(transport)
