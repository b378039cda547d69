"""What a critic has learned without labels, measured by classification (DCGAN, arXiv:1511.06434, section 5)."""

from __future__ import annotations


def probe(
    run: str, labels: int = 1000, data_root: str | None = None, docs: str | None = None, device: str = "auto"
) -> None:
    """Classify test pictures by a linear SVM on the critic's features, beside raw pixels and k-means.

    Args:
        run: a run of scripts/gan.py on labelled pictures, whose critic has convolutions.
        labels: labelled training pictures that the SVM sees.
        data_root: where named sets are looked up; default $UNPAIRED_DATA.
        docs: a folder whose results.md is to have these numbers too.
        device: auto, cpu or cuda.
    """
    import os
    from datetime import date
    from pathlib import Path

    import torch

    from domains.metrics.generated import cluster_accuracy
    from recipes import drawn, results
    from recipes.gan import gan
    from recipes.translator import saved_config
    from translate import checkpoint, runtime
    from translate.errors import UserError
    from translate.sample import Sample

    if data_root:
        os.environ["UNPAIRED_DATA"] = data_root
    where = runtime.start(device)
    config = saved_config(Path(run))
    found = checkpoint.load_latest(Path(run))
    if config.get("recipe") != "gan" or not found:
        raise UserError(f"{run} holds no critic: give a run of scripts/gan.py with its checkpoints")
    recipe = gan(**config["args"])
    system, x = recipe.system().to(where).eval(), recipe.data["x"]
    _, shared, own = found
    system.load_state_dict(shared["parameters"] | own["buffers"])
    body = getattr(getattr(system, "d", None), "body", None)
    test_labels = x.files.labels.get("test")
    if not hasattr(body, "maps") or x.labels is None or test_labels is None:
        raise UserError(f"{run}: a probe needs a critic of convolutions, and labels of training and test pictures")

    def pictures(items) -> Sample:
        return x.domain.normalise(x.domain.collate([x.domain.crop(x.domain.decode(item), None) for item in items]))

    chosen = torch.randperm(len(x.items), generator=torch.Generator().manual_seed(0))[:labels]
    train, test = pictures([x.items[i] for i in chosen]), pictures(x.test)
    y, true = x.labels[chosen], torch.from_numpy(test_labels).long()
    seen = [pooled(body, s.to(where)) for s in (train, test)]
    flat = [s.x.flatten(1) for s in (train, test)]
    rows = {
        f"critic's features ({seen[0].shape[1]}), linear SVM": svm(*seen, y, true),
        f"pixels ({flat[0].shape[1]}), linear SVM": svm(*flat, y, true),
        "pixels, k-means, clusters named best": cluster_accuracy(clusters(*flat, int(y.max()) + 1), true),
    }
    for name, share in rows.items():
        print(f"{share:7.1%}  {name}")
    if docs:
        args = config["args"]
        facts = dict(model=args["model"], steps=args["steps"], seed=args["seed"], labels=labels, rows=rows)
        facts |= dict(environment=config["environment"], date=date.today().isoformat())
        drawn.keep(Path(docs), x.name, "probes", f"{Path(run).name}, {labels} labels", facts)
        results.publish(Path(docs))


def pooled(body, s, batch: int = 200):
    """Every layer's maps, max-pooled to 4x4 and concatenated, [N,D] on the CPU."""
    import torch
    import torch.nn.functional as F

    with torch.inference_mode():
        parts = [s[i : i + batch] for i in range(0, len(s), batch)]
        return torch.cat(
            [torch.cat([F.adaptive_max_pool2d(m, 4).flatten(1) for m in body.maps(p)], 1).float().cpu() for p in parts]
        )


def svm(train, test, y, true) -> float:
    """Test accuracy of a linear, L2-regularised SVM on standardised features."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import LinearSVC

    model = make_pipeline(StandardScaler(), LinearSVC(C=1e-3, random_state=0))
    return float(model.fit(train.numpy(), y.numpy()).score(test.numpy(), true.numpy()))


def clusters(train, test, n: int):
    """Of the test pictures, by the means of the training ones."""
    import torch
    from sklearn.cluster import KMeans

    return torch.from_numpy(KMeans(n, n_init=4, random_state=0).fit(train.numpy()).predict(test.numpy())).long()
