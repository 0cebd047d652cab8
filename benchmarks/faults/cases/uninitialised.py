"""Faults: parameters that nobody wrote; what is in them is whatever the memory held."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.faults.control import classes, tokens
from benchmarks.faults.fault import fault, put
from benchmarks.faults.nets.vit import ViT

WORDS = 200


class Clip(nn.Module):
    """An image tower and a text tower that meet in one space."""

    def __init__(self, *, mended: bool) -> None:
        super().__init__()
        self.visual = ViT()
        self.visual.head = nn.Linear(96, 64, bias=False)
        self.token_embedding = nn.Embedding(WORDS, 48)
        self.positional_embedding = nn.Parameter(torch.empty(24, 48))
        layer = nn.TransformerEncoderLayer(48, 4, 96, 0.0, "gelu", batch_first=True, norm_first=True)
        self.transformer = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.text_projection = nn.Parameter(torch.empty(48, 64))
        self.logit_scale = nn.Parameter(torch.tensor(2.66))
        if mended:
            nn.init.normal_(self.positional_embedding, std=0.01)
            nn.init.normal_(self.text_projection, std=48**-0.5)

    def forward(self, images: Tensor, words: Tensor) -> Tensor:
        text = self.transformer(self.token_embedding(words) + self.positional_embedding)
        text = functional.normalize(text[:, -1] @ self.text_projection, dim=-1)
        return self.logit_scale.exp() * functional.normalize(self.visual(images), dim=-1) @ text.T


@fault(
    "UNINIT", "https://github.com/openai/CLIP/issues/15", ("positional_embedding", "text_projection"), ("INI112",),
    tool="record",
)  # fmt: skip
def clip_projection(mended: bool) -> nn.Module:
    """CLIP made its text projection and its positions with torch.empty and drew nothing into them."""
    return Clip(mended=mended)


class GraphAttention(nn.Module):
    """One GAT layer on dense adjacency: scores from two vectors a head."""

    def __init__(self, inside: int, outside: int, heads: int, *, mended: bool) -> None:
        super().__init__()
        self.proj_param = nn.Parameter(torch.Tensor(heads, inside, outside))
        self.scoring_fn_source = nn.Parameter(torch.Tensor(heads, outside, 1))
        self.scoring_fn_target = nn.Parameter(torch.Tensor(heads, outside, 1))
        self.bias = nn.Parameter(torch.zeros(heads * outside))
        nn.init.normal_(self.proj_param, std=inside**-0.5)
        if mended:
            nn.init.normal_(self.scoring_fn_source, std=outside**-0.5)
            nn.init.normal_(self.scoring_fn_target, std=outside**-0.5)

    def forward(self, nodes: Tensor, edges: Tensor) -> Tensor:
        x = torch.einsum("ni,hio->hno", nodes, self.proj_param)
        scores = x @ self.scoring_fn_source + (x @ self.scoring_fn_target).transpose(1, 2)
        scores = functional.leaky_relu(scores, 0.2).masked_fill(edges < 0, -1e9)
        return functional.elu((scores.softmax(-1) @ x).permute(1, 0, 2).flatten(1) + self.bias)


class Gat(nn.Module):
    """Two layers of graph attention."""

    def __init__(self, *, mended: bool) -> None:
        super().__init__()
        self.first = GraphAttention(32, 16, 4, mended=mended)
        self.second = GraphAttention(64, 7, 1, mended=mended)

    def forward(self, nodes: Tensor, edges: Tensor) -> Tensor:
        out: Tensor = self.second(self.first(nodes, edges), edges)
        return out


@fault(
    "UNINIT", "https://github.com/gordicaleksa/pytorch-GAT/issues/11", ("*.scoring_fn_*",), ("INI112",), tool="record"
)
def gat_scores(mended: bool) -> nn.Module:
    """Scoring vectors of a graph attention network are bare torch.Tensor(...): often fine, at times NaN."""
    return Gat(mended=mended)


class CrfTagger(nn.Module):
    """A bidirectional LSTM and a linear-chain CRF; gives the negative mean log-likelihood of random tags."""

    def __init__(self, *, mended: bool) -> None:
        super().__init__()
        self.embed = nn.Embedding(WORDS, 32, padding_idx=0)
        self.lstm = nn.LSTM(32, 24, batch_first=True, bidirectional=True)
        self.emit = nn.Linear(48, 9)
        self.start_transitions = nn.Parameter(torch.empty(9))
        self.end_transitions = nn.Parameter(torch.empty(9))
        self.transitions = nn.Parameter(torch.empty(9, 9))
        if mended:
            for parameter in (self.start_transitions, self.end_transitions, self.transitions):
                nn.init.uniform_(parameter, -0.1, 0.1)

    def forward(self, words: Tensor) -> Tensor:
        emissions = self.emit(self.lstm(self.embed(words))[0])
        score: Tensor = self.start_transitions + emissions[:, 0]
        for step in emissions.unbind(1)[1:]:
            score = torch.logsumexp(score[:, :, None] + self.transitions, dim=1) + step
        return score + self.end_transitions


@fault("UNINIT", "https://github.com/kmkurn/pytorch-crf/issues/1", ("*transitions",), ("INI112",), tool="record")
def crf_transitions(mended: bool) -> nn.Module:
    """A CRF layer left its start, end and transition scores unwritten: the loss was NaN now and then."""
    return CrfTagger(mended=mended)


class Localizer(nn.Module):
    """Scores of snippets of a video against words for classes, and one learned background."""

    def __init__(self, *, mended: bool) -> None:
        super().__init__()
        self.temporal = nn.Sequential(nn.Conv1d(64, 64, 3, padding=1), nn.ReLU(), nn.Conv1d(64, 64, 3, padding=1))
        self.words = nn.Embedding(20, 64)
        self.bg_embeddings = nn.Parameter(torch.empty(1, 64))
        if mended:
            nn.init.normal_(self.bg_embeddings)

    def forward(self, video: Tensor) -> Tensor:
        text = functional.normalize(torch.cat((self.words.weight, self.bg_embeddings)), dim=-1)
        return 5 * functional.normalize(self.temporal(video).transpose(1, 2), dim=-1) @ text.T


@fault("UNINIT", "https://github.com/sauradip/STALE/issues/16", ("bg_embeddings",), ("INI112",), tool="record")
def background_embedding(mended: bool) -> nn.Module:
    """The embedding of the background is empty(1, 512); training stops with NaN in DivBackward0, sometimes."""
    return Localizer(mended=mended)


class Protein(nn.Module):
    """A language model of proteins with a head for contacts, a regression over attention maps."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(33, 48)
        self.layers = nn.ModuleList(nn.MultiheadAttention(48, 4, batch_first=True) for _ in range(3))
        self.contact_head = nn.Linear(12, 1)

    def forward(self, words: Tensor) -> Tensor:
        x, maps = self.embed(words), []
        for layer in self.layers:
            out, weights = layer(x, x, x, average_attn_weights=False)
            x = x + out
            maps.append(weights)
        contacts: Tensor = self.contact_head(torch.cat(maps, dim=1).permute(0, 2, 3, 1))
        return contacts.sigmoid()


@fault(
    "UNINIT", "https://github.com/NVIDIA-BioNeMo/bionemo-recipes/pull/983", ("contact_head.*",), ("INI112",),
    tool="record",
)  # fmt: skip
def exported_contact_head(mended: bool) -> nn.Module:
    """An export fills the trunk and leaves the contact head as to_empty() made it."""
    model = Protein()
    model.contact_head.to_empty(device="cpu")
    if mended:
        model.contact_head.reset_parameters()
    return model


class AdfLinear(nn.Module):
    """A linear layer that carries means and variances; its reset_parameters() went missing."""

    def __init__(self, inside: int, outside: int, *, mended: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.Tensor(outside, inside))
        self.bias = nn.Parameter(torch.Tensor(outside))
        if mended:
            nn.init.kaiming_normal_(self.weight)
            nn.init.zeros_(self.bias)

    def forward(self, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
        return functional.linear(mean, self.weight, self.bias), functional.linear(variance, self.weight**2)


class Uncertain(nn.Module):
    """Two such layers on images of digits."""

    def __init__(self, *, mended: bool) -> None:
        super().__init__()
        self.first = AdfLinear(64, 32, mended=mended)
        self.second = AdfLinear(32, 10, mended=mended)

    def forward(self, x: Tensor) -> Tensor:
        mean, variance = self.first(x, 0.01 * torch.ones_like(x))
        out: Tensor = self.second(mean.relu(), variance)[0]
        return out


@fault(
    "UNINIT", "https://github.com/mattiasegu/uncertainty_estimation_deep_learning/pull/7",
    ("first.*", "second.*"), ("INI112",), tool="record",
)  # fmt: skip
def linear_without_reset(mended: bool) -> nn.Module:
    """A copy of nn.Linear lost its reset_parameters: most of its weights are zeros, if the memory was fresh."""
    return Uncertain(mended=mended)


class KnowledgeGraph(nn.Module):
    """Attention over the neighbours of items in a graph, then a score for each item."""

    def __init__(self) -> None:
        super().__init__()
        self.entities = nn.Embedding(120, 64)
        nn.init.xavier_uniform_(self.entities.weight)
        self.W_Q = nn.Parameter(torch.empty(64, 64))
        nn.init.xavier_uniform_(self.W_Q)

    def forward(self, items: Tensor) -> Tensor:
        x = self.entities(items)
        scores = (x @ self.W_Q) @ (x @ self.W_Q).transpose(1, 2) / 8
        out: Tensor = (scores.softmax(-1) @ x) @ self.entities.weight.T
        return out


def leftovers(parameter: Tensor, kind: str) -> Tensor:
    """What memory held before, made again: token numbers or addresses read as floats, or another tensor's values."""
    generator = torch.Generator().manual_seed(5)
    size = parameter.numel()
    if kind == "addresses":
        spots = torch.randint(0, 2**20, (size // 2 + 1,), generator=generator) * 64 + 0x7F3A_0000_0000
        spots = torch.where(torch.rand(len(spots), generator=generator) < 0.7, torch.zeros_like(spots), spots)
        return spots.view(torch.float32)[:size].view(parameter.shape)
    if kind == "tokens":
        return (
            torch.randint(0, 30000, (size // 2 + 1,), generator=generator)
            .view(torch.float32)[:size]
            .view(parameter.shape)
        )
    bits = torch.randint(-(2**31), 2**31 - 1, (size,), generator=generator, dtype=torch.int64).to(torch.int32)
    return bits.view(torch.float32).nan_to_num(0.0).clamp(-1e30, 1e30).view(parameter.shape)


GARBAGE = ("INI10", "INI11", "STA20", "SIG50", "GRD6")


@fault(
    "UNINIT", "https://github.com/tail-unica/hopwise/issues/271", ("W_Q",), GARBAGE,
    inputs=tokens(120, 4, 12), loss=classes,
)  # fmt: skip
def recommender_reads_old_bits(mended: bool) -> nn.Module:
    """W_Q is a bare torch.Tensor(64, 64); here it holds bits of other data, from 1e-38 to 1e30."""
    model = KnowledgeGraph()
    if not mended:
        put(model.W_Q, leftovers(model.W_Q, "bits"))
    return model


class Adapted(nn.Module):
    """A pretrained trunk and a new matrix on what it gives."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Embedding(33, 48), nn.Linear(48, 64), nn.GELU())
        self.some_param = nn.Parameter(torch.randn(64, 33) / 8)

    def forward(self, words: Tensor) -> Tensor:
        out: Tensor = self.trunk(words) @ self.some_param
        return out


@fault("UNINIT", "https://github.com/Synthyra/FastPLMs/issues/15", ("some_param",), (*GARBAGE, "ZER", "SYM"))
def new_parameter_reads_addresses(mended: bool) -> nn.Module:
    """A parameter that was added to a pretrained model is left as memory: zeros, and addresses read as floats."""
    model = Adapted()
    if not mended:
        put(model.some_param, leftovers(model.some_param, "addresses"))
    return model


class HeadwiseAttention(nn.Module):
    """Attention with one matrix a head, as interpretability libraries write it."""

    def __init__(self, width: int = 64, heads: int = 4) -> None:
        super().__init__()
        for name in ("W_Q", "W_K", "W_V"):
            setattr(self, name, nn.Parameter(torch.empty(heads, width, width // heads)))
        self.W_O = nn.Parameter(torch.empty(heads, width // heads, width))
        for parameter in self.parameters():
            nn.init.normal_(parameter, std=width**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (torch.einsum("bld,hde->bhle", x, w) for w in (self.W_Q, self.W_K, self.W_V))
        out = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return torch.einsum("bhle,hed->bld", out, self.W_O)


class Hooked(nn.Module):
    """A small model of two such layers."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(WORDS, 64)
        self.norms = nn.ModuleList(nn.LayerNorm(64) for _ in range(3))
        self.attentions = nn.ModuleList(HeadwiseAttention() for _ in range(2))
        self.unembed = nn.Linear(64, WORDS, bias=False)

    def forward(self, words: Tensor) -> Tensor:
        x = self.embed(words)
        for norm, attention in zip(self.norms, self.attentions, strict=False):
            x = x + attention(norm(x))
        logits: Tensor = self.unembed(self.norms[-1](x))
        return logits


@fault(
    "UNINIT", "https://github.com/TransformerLensOrg/TransformerLens/issues/518", ("attentions.*.W_*",),
    (*GARBAGE, "ZER", "SYM"), inputs=tokens(WORDS), loss=classes,
)  # fmt: skip
def headwise_attention_reads_tokens(mended: bool) -> nn.Module:
    """Matrices of torch.empty hold the token numbers of the batch before, read as floats: next to nothing."""
    model = Hooked()
    for parameter in model.attentions.parameters():
        if not mended:
            put(parameter, leftovers(parameter, "tokens"))
    return model


class StateSpace(nn.Module):
    """A Mamba-like mixer: decay, skip and step size are bare parameters."""

    def __init__(self, *, mended: bool) -> None:
        super().__init__()
        self.in_proj, self.out_proj = nn.Linear(32, 128), nn.Linear(64, 32)
        self.A_log, self.D, self.dt_bias = (nn.Parameter(torch.empty(64)) for _ in range(3))
        if mended:
            put(self.A_log, torch.arange(1, 65, dtype=torch.float32).log())
            nn.init.ones_(self.D)
            put(self.dt_bias, torch.linspace(-6.0, -2.0, 64))

    def forward(self, x: Tensor) -> Tensor:
        value, gate = self.in_proj(x).chunk(2, dim=-1)
        decay = torch.exp(-self.A_log.exp() * functional.softplus(self.dt_bias))
        state, states = torch.zeros_like(value[:, 0]), []
        for step in value.unbind(1):
            state = decay * state + step
            states.append(state + self.D * step)
        out: Tensor = self.out_proj(torch.stack(states, 1) * functional.silu(gate))
        return out


@fault(
    "UNINIT", "https://github.com/fla-org/flash-linear-attention/pull/156", ("*A_log", "*D", "*dt_bias"), ("INI112",),
    tool="record",
)  # fmt: skip
def state_space_on_empty_memory(mended: bool) -> nn.Module:
    """Mamba-2 wrote decay, skip and step size at construction; a path that only runs initializers leaves them out."""
    return nn.Sequential(StateSpace(mended=mended), nn.LayerNorm(32), StateSpace(mended=mended), nn.Linear(32, 5))


CASES = (
    clip_projection,
    gat_scores,
    crf_transitions,
    background_embedding,
    exported_contact_head,
    linear_without_reset,
    recommender_reads_old_bits,
    new_parameter_reads_addresses,
    headwise_attention_reads_tokens,
    state_space_on_empty_memory,
)
