"""The metrics of a ranking of districts: the worst fifth, and how many of those whom a budget reaches belong to it."""

from ...components.evaluator.ranking import TopPrecision, WorstShareAuc
from ...components.text import Text

WORST_SHARE = 0.2

METRICS = [
    WorstShareAuc(
        name="auc_worst_fifth",
        worst_share=WORST_SHARE,
        title=Text(en="AUC of the worst fifth", es="AUC del peor quinto"),
    ),
    *(
        TopPrecision(
            name=f"precision_top_{top}",
            worst_share=WORST_SHARE,
            top=top,
            title=Text(en=f"Precision of the first {top}", es=f"Precisión de los primeros {top}"),
        )
        for top in (100, 375)
    ),
]
