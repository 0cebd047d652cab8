"""INI: what a plan or an initializer declared, and memory that nobody wrote."""

from __future__ import annotations

from initwise.findings._code import Code

CODES = (
    Code(
        code="INI101",
        title="a value is not finite",
        severity="error",
        meaning="The parameter holds at least one NaN or infinity.",
        harm="One such value spreads through the first forward pass and makes the loss NaN.",
        fix="Look for memory that was never written (torch.empty, to_empty) and apply the plan to the whole model.",
    ),
    Code(
        code="INI102",
        title="a value lies outside the law's support",
        severity="error",
        meaning="At least one value is smaller or larger than the planned law can produce. This check is exact: no"
        " draw of that law, however unlucky, gives such a value.",
        harm="Other code wrote the parameter, or the truncation that was asked for did not happen.",
        fix="Look for code that writes the parameter after the plan was applied, and apply the plan again.",
    ),
    Code(
        code="INI103",
        title="the mean is off",
        severity="error",
        meaning="The mean of the values lies outside the interval that holds it, at this sample size, for the planned"
        " law; a rightly drawn model has such a finding less than once in ten thousand times.",
        harm="A shifted mean adds the same constant to every unit's input and grows from layer to layer.",
        fix="Compare the measured mean with the planned law (plan[name].law), and apply the plan again.",
    ),
    Code(
        code="INI104",
        title="the standard deviation is off",
        severity="error",
        meaning="The standard deviation of the values lies outside the interval that holds it, at this sample size,"
        " for the planned law; a rightly drawn model has such a finding less than once in ten thousand times.",
        harm="The signal shrinks or grows by the same factor in every layer: gradients vanish or explode with depth.",
        fix="A factor of sqrt(2) or sqrt(3) points at a gain or at swapped fans: see the plan's fan_in and fan_out.",
    ),
    Code(
        code="INI105",
        title="a fixed value or an invariant does not hold",
        severity="error",
        meaning="The law fixes the values (zeros, ones, identity) or a property of them (orthonormal rows, so many"
        " zeros a unit), and the parameter does not have it.",
        harm="Biases that should be zero, gates that should be one or matrices that should keep lengths do not.",
        fix="Look for code that writes the parameter after the plan was applied, and apply the plan again.",
    ),
    Code(
        code="INI106",
        title="a parameter is missing, extra or of another shape or dtype",
        severity="error",
        meaning="Plan, model and weights do not name the same parameters with the same shapes and dtypes.",
        harm="What is not named is not initialized: it keeps whatever its memory held.",
        fix="Make a new plan for this model, or map renamed parameters with names={here: planned}.",
    ),
    Code(
        code="INI107",
        title="a padding row is not zero",
        severity="error",
        meaning="The row at padding_idx of an embedding is not all zeros.",
        harm="Padding receives no gradient, so that row adds its noise to every padded input forever.",
        fix="Apply the plan again: it sets padding rows to zero after it drew the rest.",
    ),
)
