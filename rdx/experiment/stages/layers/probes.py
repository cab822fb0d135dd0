"""The probes of a layer analysis, trained on other items, and the group tests made with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rdx.experiment.run.folder import pair_name
from rdx.experiment.run.tables import read_explanations, read_table, write_table
from rdx.experiment.stages.inputs import keys_in_use, load_features

if TYPE_CHECKING:
    from rdx.data.items import Items
    from rdx.experiment.run.context import Context
    from rdx.experiment.stages.methods import MethodRun

FILES = ("layer_analysis/probes.csv", "layer_analysis/predictions.csv")
GROUP_TESTS = "layer_analysis/group_tests.csv"  # in a comparison's folder
PROBES = ("representation", "probe", "trained_on", "tested_on", "accuracy", "balanced_accuracy", "auc")
PREDICTIONS = ("representation", "probe", "index", "prediction", "score")
TESTS = ("changed_knn", "changed_logistic", "majority_class", "purity")
COLUMNS = (
    "method", "direction", "concept", "size", "test", "label", "label_name",
    "observed", "random_mean", "ratio", "p_value", "q_value",
)  # fmt: skip


def probe(context: Context, others: Items) -> None:
    """Train the probes of every representation on the other items, and test them on the run's."""
    from rdx.metrics.outside_probes import fit_outside_probes

    config, labels = context.config, context.items.labels
    measured, predicted = [], []
    for key in keys_in_use(config):
        features = load_features(config, key, others, device=context.device, progress=context.progress)
        probes = fit_outside_probes(features.values, others.labels, k=config.layer_analysis.k)
        for name, found in probes.answers(context.features(key)).items():
            measured.append((key, name, len(others), len(labels), *found.measures(labels).values()))
            scores = [None] * len(labels) if found.score is None else found.score.tolist()
            rows = zip(found.predictions.tolist(), scores, strict=True)
            predicted += [(key, name, i, *row) for i, row in enumerate(rows)]
    write_table(context.folder.path(FILES[0]), PROBES, measured)
    write_table(context.folder.path(FILES[1]), PREDICTIONS, predicted)


def compare_with_groups(context: Context, a: str, b: str, run: MethodRun) -> None:
    """Hold every concept of one comparison against random groups of its size."""
    from rdx.metrics.group_tests import class_tests, share_test
    from rdx.metrics.significance import benjamini_hochberg

    chosen, labels = context.config.layer_analysis, context.items.labels
    how = {"n_random": chosen.group_tests, "seed": chosen.group_seed}
    explanations = read_explanations(context.folder.path(f"{pair_name(a, b)}/{run.name}"))
    concepts = [(way, concept) for way, found in explanations.items() for concept in found.concepts]
    groups = [concept.members for _, concept in concepts]
    results: dict[str, list] = {name: [] for name in TESTS}  # of each test: label and outcome by concept
    table = read_table(context.folder.path(FILES[1]))
    for name in ("knn", "logistic"):
        of = table[table["probe"] == name].groupby("representation")["prediction"]
        changed = of.get_group(a).to_numpy() != of.get_group(b).to_numpy()
        results[f"changed_{name}"] = [(None, test) for test in share_test(changed, groups, **how)]
    for label, share, purity in class_tests(labels, groups, **how):
        results["majority_class"].append((label, share))
        results["purity"].append((label, purity))
    rows = []
    for name, outcomes in results.items():
        q_values = benjamini_hochberg([test.p_value for _, test in outcomes])
        for (way, concept), (label, test), q in zip(concepts, outcomes, q_values, strict=True):
            ratio = test.ratio if np.isfinite(test.ratio) else None
            label_name = None if label is None else context.items.label_names.get(label, str(label))
            measured = (test.observed, test.random_mean, ratio, test.p_value, float(q))
            rows.append((run.name, way, concept.number, concept.size, name, label, label_name, *measured))
    write_table(context.folder.path(f"{pair_name(a, b)}/{GROUP_TESTS}"), COLUMNS, rows)
