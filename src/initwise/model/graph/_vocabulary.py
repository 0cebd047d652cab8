"""The words of a graph: which operations only look at a tensor differently, act on each element, and so on."""

from __future__ import annotations

VIEWS = frozenset(
    """view reshape view_as reshape_as transpose t T mT H mH permute unsqueeze squeeze expand expand_as broadcast_to
    chunk split split_with_sizes tensor_split hsplit vsplit unbind select narrow flatten unflatten movedim moveaxis
    swapaxes swapdims ravel diagonal unfold alias data detach real imag view_as_real view_as_complex adjoint
    chunk_ squeeze_ unsqueeze_ t_ transpose_ detach_ as_strided numpy_T atleast_1d atleast_2d atleast_3d
    unsafe_chunk unsafe_split broadcast_tensors""".split()
)
COPIES = frozenset(
    """contiguous to float half bfloat16 double type type_as clone cpu cuda _to pin_memory requires_grad_ as_tensor
    resolve_conj resolve_neg nan_to_num nan_to_num_ copy deepcopy __deepcopy__ complex cfloat""".split()
)
DROPOUTS = frozenset(
    """dropout dropout_ dropout1d dropout2d dropout3d alpha_dropout alpha_dropout_ feature_dropout
    feature_alpha_dropout native_dropout""".split()
)
INDEXING = frozenset({"__getitem__"})
LOOKUPS = frozenset("embedding embedding_bag index_select gather take take_along_dim index".split())
ADDITIONS = frozenset("add add_ __add__ __radd__ __iadd__ sub sub_ __sub__ __isub__ rsub __rsub__ subtract".split())
PRODUCTS = frozenset(
    "mul mul_ __mul__ __rmul__ __imul__ multiply div div_ __truediv__ __itruediv__ true_divide".split()
)
DIVISIONS = frozenset("div div_ __truediv__ __itruediv__ true_divide divide".split())
CONVOLUTIONS = frozenset(f"conv{t}{n}d" for n in (1, 2, 3) for t in ("", "_transpose"))
PLAIN_PRODUCTS = frozenset("matmul __matmul__ __rmatmul__ mm bmm mv dot linalg_matmul inner vdot".split())
MATRIX_PRODUCTS = PLAIN_PRODUCTS | frozenset(
    "addmm addmm_ baddbmm addbmm addmv einsum tensordot grouped_mm _grouped_mm linear bilinear chain_matmul".split()
)
RECURRENT = frozenset("lstm gru rnn_tanh rnn_relu lstm_cell gru_cell rnn_tanh_cell rnn_relu_cell".split())
NORMS = frozenset(
    """layer_norm rms_norm group_norm batch_norm instance_norm native_layer_norm native_batch_norm normalize
    local_response_norm sync_batch_norm""".split()
)
ATTENTION = frozenset({"scaled_dot_product_attention", "flex_attention"})
SOFTMAX = frozenset({"softmax", "log_softmax", "_softmax", "_safe_softmax", "special_softmax"})
POOLINGS = (
    frozenset(
        f"{kind}_pool{n}d"
        for n in (1, 2, 3)
        for kind in ("avg", "adaptive_avg", "lp", "fractional_max", "max", "adaptive_max")
    )
    | frozenset(f"max_pool{n}d_with_indices" for n in (1, 2, 3))
    | frozenset({"mean", "amax", "max", "boolean_dispatch", "fn"})
)
RESAMPLING = frozenset(
    "interpolate upsample pixel_shuffle pixel_unshuffle channel_shuffle pad roll flip grid_sample".split()
)
JOINS = frozenset("cat concat concatenate stack hstack vstack dstack".split())
# Acting on each element by itself, of one tensor and constants.
ACTIVATIONS = frozenset(
    """relu relu_ leaky_relu leaky_relu_ relu6 elu elu_ celu celu_ selu selu_ gelu silu mish tanh tanh_ sigmoid sigmoid_
    hardtanh hardtanh_ hardsigmoid hardswish softplus logsigmoid softsign tanhshrink softshrink hardshrink rrelu rrelu_
    threshold threshold_ prelu glu""".split()
)
ELEMENTWISE = ACTIVATIONS | frozenset(
    """exp exp_ expm1 log log_ log1p sin cos erf erfc abs abs_ neg neg_ __neg__ pow pow_ __pow__ __rpow__ square sqrt
    sqrt_ rsqrt rsqrt_ reciprocal clamp clamp_ clip clamp_min clamp_max clamp_min_ clamp_max_ float_power sign
    maximum minimum where logit softcap log_sigmoid __rtruediv__ __rdiv__ sinh cosh atan exp2 log2 special_expit
    threshold where masked_fill masked_fill_ floor ceil round""".split()
)
# What changes a parameter's meaning where it passes through before it meets the signal.
CURVES = frozenset(
    """exp exp_ expm1 softplus sigmoid sigmoid_ softmax log_softmax tanh log log1p logsigmoid special_expit exp2
    sinh""".split()
)
TRANSPARENT = VIEWS | COPIES | DROPOUTS | INDEXING
