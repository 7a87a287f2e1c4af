"""Snakemake's plugin for Kubernetes on a volume that all pods share; profiles/kubernetes calls it.

The plugin assumes that pods share no files, and would carry each file of a study through a storage
service: the private tables with the paths of patients' files too, and none of the folders that jobs
go on from. pgdose's jobs work in one folder, as on any cluster.
"""

from typing import Any

import kubernetes.client
import snakemake_executor_plugin_kubernetes as plugin


class PodApi(kubernetes.client.CoreV1Api):
    """Reads the log of a failed pod where the plugin would end the whole run."""

    def read_namespaced_pod_log(self, *args: Any, **settings: Any) -> str:
        """The log of a pod's container, or why there is none.

        The plugin asks for the container before the last restart. The pods of jobs never restart,
        so Kubernetes refuses that, and the plugin takes it for a fault of the cluster: no job is
        tried again.
        """
        settings.pop("previous", None)
        try:
            return super().read_namespaced_pod_log(*args, **settings)
        except kubernetes.client.ApiException as error:
            return f"Kubernetes has no log of this pod ({error.status} {error.reason})."


def share_volume() -> None:
    """Let the plugin work in a shared folder, and go on after a pod has failed."""
    plugin.common_settings.implies_no_shared_fs = False
    plugin.common_settings.job_deploy_sources = False
    plugin.common_settings.auto_deploy_default_storage_provider = False
    kubernetes.client.CoreV1Api = PodApi
