"""What every recommendation says, in both languages."""

from ..text import Text

BY_POPULATION = Text(en="The most people first", es="Primero los más poblados")
BY_RANK = Text(en="The greatest barrier first", es="Primero los de mayor barrera")

ALL_PEOPLE = Text(en="for all people of the community", es="por todas las personas de la comunidad")
MOVED_PEOPLE = Text(
    en="for the people whom it reaches: the change of its first feature, as a percentage of all",
    es="por las personas a las que llega: el cambio de su primera variable, como porcentaje del total",
)

NOT_MEASURED = Text(
    en="No column of the data measures what it does: its effect is not known, not none.",
    es="Ninguna columna de los datos mide lo que hace: su efecto no se conoce, no es que no lo tenga.",
)
NOT_USED = Text(en="The model does not use the features that it moves.", es="El modelo no usa las variables que mueve.")

OUT_OF_BAG = Text(
    en="{num} models of a bootstrap over {groups}; each community is scored by those that have not seen its group",
    es="{num} modelos de un bootstrap sobre {groups}; puntúan a cada comunidad los que no han visto su grupo",
)

PLACEBO = Text(en="Placebo feature", es="Variable placebo")
PLACEBO_EXPLAINED = Text(
    en=(
        "Models were trained after the features that actions move had been permuted among the communities of each "
        "region. The number is the chance of an average effect as large by such a placebo: one more than the placebos "
        "that had it, divided by one more than all of them (Phipson and Smyth 2010)."
    ),
    es=(
        "Se entrenaron modelos tras permutar, entre las comunidades de cada región, las variables que mueven las "
        "acciones. El número es la probabilidad de un efecto medio tan grande con un placebo así: uno más que los "
        "placebos que lo tuvieron, dividido por uno más que todos (Phipson y Smyth 2010)."
    ),
)
SAME_SIGN = Text(en="Held-out region: direction", es="Región reservada: dirección")
SAME_SIGN_EXPLAINED = Text(
    en=(
        "The share of the regions in which models that never saw the region find an average effect of the same "
        "direction as in all of them."
    ),
    es=(
        "La proporción de regiones en las que los modelos que nunca vieron la región hallan un efecto medio de la "
        "misma dirección que en todas."
    ),
)
LEAST_RATIO = Text(en="Held-out region: size", es="Región reservada: tamaño")
LEAST_RATIO_EXPLAINED = Text(
    en="The average effect by models without the region that matters most, over that of all models.",
    es="El efecto medio según los modelos sin la región que más pesa, dividido por el de todos los modelos.",
)

KNOWN_SIGN = Text(en="Known sign", es="Signo conocido")
KNOWN_SIGN_EXPLAINED = Text(
    en=(
        "The average effect. Whoever put the action into the catalogue expects it to help; where the model predicts "
        "harm, the feature most likely stands for something else, such as a benefit that goes to the poor."
    ),
    es=(
        "El efecto medio. Quien puso la acción en el catálogo espera que ayude; donde el modelo prevé un daño, la "
        "variable probablemente representa otra cosa, como una prestación que se da a los pobres."
    ),
)

CAVEATS = (
    Text(
        en=(
            "Associations are not causes. An effect is the change of a model's prediction where a feature is changed; "
            "it shows what communities with such values are like, not what an intervention would do."
        ),
        es=(
            "Una asociación no es una causa. Un efecto es el cambio de la predicción de un modelo cuando se cambia una "
            "variable: muestra cómo son las comunidades con esos valores, no lo que haría una intervención."
        ),
    ),
    Text(
        en=(
            "An action changes the columns that the catalogue names and nothing else: a column computed from a "
            "community's neighbours, or from others, stays as it is unless it is named."
        ),
        es=(
            "Una acción cambia las columnas que nombra el catálogo y nada más: una columna calculada de los vecinos, o "
            "de otras, queda como está si no se la nombra."
        ),
    ),
)
MEAN_INTERVALS = Text(
    en="The intervals show how much an estimate depends on the groups that were seen; they hold no other error.",
    es="Los intervalos muestran cuánto depende una estimación de los grupos vistos; no contienen otros errores.",
)
OUTCOME_INTERVALS = Text(
    en=(
        "The {level:.0%} interval of a prediction is of the outcome of one community, calibrated on other groups: it "
        "holds what was measured in {share:.0%} of all communities, and that of the rank holds the rank by what was "
        "measured in {ranks:.0%}."
    ),
    es=(
        "El intervalo del {level:.0%} de una predicción es el del resultado de una comunidad, calibrado en otros "
        "grupos: contiene lo medido en el {share:.0%} de todas las comunidades, y el del puesto contiene el puesto "
        "según lo medido en el {ranks:.0%}."
    ),
)
COVERAGE_BY_REGION = Text(
    en="By {unit}, with at least {count} communities, it is {least:.0%} to {most:.0%}.",
    es="Por {unit}, con al menos {count} comunidades, es del {least:.0%} al {most:.0%}.",
)
EFFECT_INTERVALS = Text(
    en=(
        "The interval of an effect is narrower than what may happen: it shows how much the models' mean depends on the "
        "groups that were seen, and holds no other error."
    ),
    es=(
        "El intervalo de un efecto es más estrecho que lo que puede ocurrir: muestra cuánto depende la media de los "
        "modelos de los grupos vistos, y no contiene otros errores."
    ),
)
SYNTHETIC = Text(
    en="The records are made up: nothing here is about a real place or person.",
    es="Los registros son inventados: nada de esto trata de un lugar o una persona reales.",
)
NOT_BLESSED = Text(
    en="The model of this run was not blessed: it does not meet its thresholds. Do not decide by it.",
    es="El modelo de esta ejecución no fue aprobado: no cumple sus umbrales. No decida con él.",
)
NOT_ADDITIVE = Text(
    en=(
        "The plan adds up the effects of a community's actions. Where several fit, the effect of all at once differs "
        "from that sum by {share:.0%} of the effects' sizes."
    ),
    es=(
        "El plan suma los efectos de las acciones de una comunidad. Donde corresponden varias, el efecto de todas a la "
        "vez difiere de esa suma en el {share:.0%} del tamaño de los efectos."
    ),
)
REFUTED = Text(
    en=(
        "The effect of these actions does not survive a test: a placebo has one as large, or it has the wrong sign. "
        "Plans leave them out unless plan.refuted says otherwise: {titles}."
    ),
    es=(
        "El efecto de estas acciones no supera una prueba: un placebo tiene uno igual de grande, o su signo es el "
        "contrario. Los planes las omiten salvo que plan.refuted diga otra cosa: {titles}."
    ),
)
IN_DOUBT = Text(
    en=(
        "The effect of these actions depends on single regions: without one of them it is far smaller, or it is the "
        "other way in many. Plans may take them: {titles}."
    ),
    es=(
        "El efecto de estas acciones depende de regiones aisladas: sin una de ellas es mucho menor, o en muchas va en "
        "sentido contrario. Los planes pueden tomarlas: {titles}."
    ),
)
OWN_DRAWS = Text(
    en="The plan is judged by the draws that it was made from: expect less than it promises.",
    es="El plan se juzga con las mismas simulaciones con las que se hizo: espere menos de lo que promete.",
)
WITHOUT_FLOORS = Text(
    en="Under some of the other budgets or costs no plan meets the floors of the regions: there they are left out.",
    es="Con algunos de los otros presupuestos o costos ningún plan cumple los mínimos por región: allí se omiten.",
)
NOT_ALL_IN_TIME = Text(
    en="Under some of the other budgets or costs no plan was found in plan.time_limit_s: there no gain is shown.",
    es="Con algunos de los otros presupuestos o costos no se halló un plan en plan.time_limit_s: allí no hay ganancia.",
)
NO_PLAN = Text(
    en="There is no plan: no action fits, passes the placebo test and that of its sign, and helps where it fits.",
    es="No hay plan: ninguna acción corresponde, supera la prueba placebo y la de su signo, y ayuda donde corresponde.",
)
NOT_WITHIN = Text(
    en=(
        "There is no plan: with the actions that passed their tests the budget or the floors of the configuration "
        "cannot be met. `yachay recommend --budget` plans with others."
    ),
    es=(
        "No hay plan: con las acciones que superaron sus pruebas no se cumple el presupuesto o los mínimos de la "
        "configuración. `yachay recommend --budget` planifica con otros."
    ),
)
NOT_IN_TIME = Text(
    en="There is no plan: none was found in plan.time_limit_s. `yachay recommend` plans with more seconds.",
    es="No hay plan: no se halló ninguno en plan.time_limit_s. `yachay recommend` planifica con más segundos.",
)
