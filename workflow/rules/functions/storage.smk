# Where the files of a study may lie.


def check_storage():
    """Stop where Snakemake would carry the files through a storage service, private tables too."""
    provider = workflow.storage_settings.default_storage_provider
    if provider:
        raise WorkflowError(
            f"--default-storage-provider {provider}: the jobs of pgdose share one folder, and this "
            "option would copy the private tables, which lead to the files of patients, to "
            f"{workflow.storage_settings.default_storage_prefix or provider}; leave it out, and on "
            "Kubernetes take --workflow-profile kubernetes (docs/how-to/kubernetes.md)"
        )
