from pathlib import Path

from job import job, settings

from pgdose.analysis import result_files
from pgdose.analysis.certified import SmoothedRun, certified_of_all, robust_images
from pgdose.analysis.decisions import clean_decisions
from pgdose.attack.surface_table import read_surface
from pgdose.cohort import image_draws
from pgdose.study.defended_networks import Smoothing
from pgdose.tables import clean_logits, parquet

with job(snakemake) as log:
    params, inputs = snakemake.params, snakemake.input
    attacks, how = settings(params, "attacks"), settings(params)
    surfaces = [Path(path) for path in inputs.surfaces]

    def robust(folder, attack, members, group):
        validation = members[members["part"] == "validation"].reset_index()
        shards = [p for p in surfaces if p.parent == folder / attack / "surface"]
        drawn = image_draws.attacked(validation, attacks[attack], how["seed"], group)["member"]
        return robust_images(
            read_surface(shards, folder / "network.safetensors"),
            members,
            clean_decisions(drawn, clean_logits.read(folder / "clean.parquet", drawn)),
            iterations=how["iterations"],
            success=how["success"],
        )

    runs = []
    for (identity, base, smoothing), members, certificate in zip(
        settings(params, "runs"), inputs.members, inputs.certificates, strict=True
    ):
        members, folder = parquet.read_table(members).set_index("member"), Path(certificate).parent
        networks = (folder, folder.parent / base)
        by_attack = {
            attack: tuple(robust(of, attack, members, identity["group"]) for of in networks)
            for attack in attacks
        }
        runs.append(
            SmoothedRun(
                identity,
                base,
                Smoothing(**smoothing),
                parquet.read_table(certificate),
                members["patient"],
                by_attack,
            )
        )
    table = certified_of_all(runs, how["draws"], how["seed"])
    for columns in settings(params, "columns").values():
        result_files.write_result_table(table, snakemake.output[0], columns)
    for row in table[table["n_contradicted"].fillna(0) > 0].itertuples():
        log.info(
            "%s/%s: %s flips %d of %d images that are certified at radius %g",
            *(row.group, row.run, row.attack, row.n_contradicted, row.n_certified, row.radius),
        )
