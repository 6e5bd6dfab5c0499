"""What the pages of losses of matrices say that those of other losses do not need to."""

from __future__ import annotations

from loss_accuracy import of_products
from restructured import table

from lossary.domains import REAL
from lossary.products.catalogue import GROUPS, MatrixRecord

_NORMALIZED = "a real number; a row of zeros has the similarity 0 to every other"
#: What the plot of a loss of pairs shows.
PLOT = (
    "The plot has an item that is compared with four others; the first similarity varies. The line "
    "is that of one that belongs to the item, the dashed line that of one that does not.\n"
)


def opening(loss: MatrixRecord) -> str:
    """Return what a row of the formula is made of."""
    if loss.is_of_pairs:
        views = " An item's loss is the mean of that of its two views." * (
            loss.name == "nt_xent_loss"
        )
        return (
            "The loss of one item, by its similarities to the others: dot products of embeddings, "
            "each divided by its length unless ``normalize=False``.\n"
            f"{views}\n"
        )
    return (
        "The loss of one row, by its logits: the dot products of its features and the vector of "
        "each class, to which the bias is added. It is that of :func:`cross_entropy`.\n"
    )


def domain(loss: MatrixRecord) -> list[list[str]]:
    """Return the domain of every array, and of every parameter that has one."""
    rows = []
    for name in loss.matrix.arguments:
        text = loss.domains.get(name, REAL).text
        if name == "other_targets":
            text = GROUPS.text
        elif name in loss.limits:
            continue
        elif loss.is_of_pairs and name != "targets":
            text = _NORMALIZED
        rows.append([f"``{name}``", text])
    rows += [[f"``{n}``", x.text.removeprefix("must be ")] for n, x in loss.limits.items()]
    return rows


def facts(loss: MatrixRecord) -> list[list[str]]:
    """Return what is known of a loss of matrices."""
    products = "similarities" if loss.is_of_pairs else "logits"
    rows = [["family", loss.family], ["default reduction", f'"{loss.reduction}"']]
    if probability := loss.probability_text():
        rows.append(["probability that is predicted", f"``{probability}``"])
    for title, fact in (("convex", loss.convex), ("continuously differentiable", loss.smooth)):
        rows.append([f"{title} in the {products}", "yes" if fact else "no"])
    names = ", ".join(f"``{name}``" for name in loss.matrix.differentiable)
    rows.append(["derivatives", f"first ones, in {names}"])
    rows.append([f"memory for {products}", "that of a tile: :ref:`when it pays <when-it-pays>`"])
    return rows


def accuracy(loss: MatrixRecord) -> str:
    """Return the measured errors of a loss of matrices."""
    return (
        "The largest errors in float32 in units in the last place of the largest element of the "
        "exact array, over random batches; :ref:`how they are measured <accuracy-of-products>`.\n\n"
        f"{table(*of_products(loss.name), 'accuracy')}"
    )
