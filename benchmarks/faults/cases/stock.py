"""Controls: stock models of torchvision, timm and transformers as their authors initialize them.

Nothing is built before it is asked for, and nothing is held: each model lives as long as who asked for it holds it.
Models below thirty million parameters come with inputs and a loss; larger ones, and those that ask for targets or for
other sizes in training, without, so that both ways of calling are exercised. Those of transformers have tiny
configurations.

Labels were given before anything was looked for. Two models turned out to have what their authors hardly meant, and
keep the label all the same (transformers 5.23): MobileViT draws the weights of its batch norms with std 0.02, and
ModernBERT draws its padding row.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.faults.case import Case
from benchmarks.faults.control import SEED, classes, first
from initwise.model import candidates

os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"

TORCHVISION = """resnet18 resnet34 resnet50 resnext50_32x4d densenet121 mobilenet_v2 mobilenet_v3_small
    mobilenet_v3_large efficientnet_b0 efficientnet_v2_s convnext_tiny swin_t swin_v2_t regnet_x_400mf regnet_y_400mf
    shufflenet_v2_x1_0 googlenet mnasnet1_0 squeezenet1_1 deeplabv3_mobilenet_v3_large
    lraspp_mobilenet_v3_large s3d"""
TORCHVISION_ALONE = """inception_v3 alexnet vgg11 vgg11_bn vit_b_16 wide_resnet50_2 maxvit_t mvit_v2_s r3d_18
    fcn_resnet50 retinanet_resnet50_fpn fcos_resnet50_fpn fasterrcnn_mobilenet_v3_large_fpn maskrcnn_resnet50_fpn
    ssdlite320_mobilenet_v3_large ssd300_vgg16 raft_small"""
TIMM = """cait_xxs24_224 coat_tiny coatnet_nano_rw_224 convit_tiny convnextv2_atto crossvit_tiny_240
    cs3darknet_focus_s deit_tiny_patch16_224 dla34 edgenext_xx_small efficientformer_l1 efficientvit_b0 efficientvit_m0
    eva02_tiny_patch14_224 fastvit_t8 gcvit_xxtiny ghostnet_100 gmlp_ti16_224 hgnet_tiny inception_next_atto
    lambda_resnet26t lcnet_050 levit_128s mambaout_femto maxvit_pico_rw_256 mixer_s32_224 mixnet_s
    mobilenetv4_conv_small mobileone_s0 mobilevit_xxs mvitv2_tiny nest_tiny nf_regnet_b0 pit_ti_224 poolformer_s12
    pvt_v2_b0 repvgg_a0 repvit_m0_9 res2net50_14w_8s resmlp_12_224 resnest14d resnetv2_50 rexnet_100 sequencer2d_s
    skresnet18 starnet_s1 swinv2_tiny_window8_256 tiny_vit_5m_224 tnt_s_legacy_patch16_224 twins_svt_small
    visformer_tiny vit_tiny_patch16_224 vit_relpos_small_patch16_224 volo_d1_224 vovnet39a xcit_nano_12_p16_224"""
TIMM_ALONE = "beit_base_patch16_224 dm_nfnet_f0 tresnet_m selecsls42 wide_resnet50_2"
TRANSFORMERS = """BertForMaskedLM RobertaForMaskedLM AlbertForMaskedLM DistilBertForMaskedLM ElectraForMaskedLM
    DebertaV2ForMaskedLM MPNetForMaskedLM XLMRobertaForSequenceClassification BigBirdForMaskedLM ModernBertForMaskedLM
    ConvBertForMaskedLM RoFormerForMaskedLM GPT2LMHeadModel GPTNeoXForCausalLM GPTJForCausalLM OPTForCausalLM
    BloomForCausalLM LlamaForCausalLM MistralForCausalLM MixtralForCausalLM Qwen2ForCausalLM Qwen3ForCausalLM
    GemmaForCausalLM Gemma2ForCausalLM PhiForCausalLM Olmo2ForCausalLM MambaForCausalLM RwkvForCausalLM
    StableLmForCausalLM GraniteForCausalLM CohereForCausalLM Starcoder2ForCausalLM T5ForConditionalGeneration
    BartForConditionalGeneration MarianMTModel PegasusForConditionalGeneration ViTForImageClassification
    DeiTForImageClassification BeitForImageClassification Dinov2ForImageClassification MobileViTForImageClassification
    PoolFormerForImageClassification RegNetForImageClassification ResNetForImageClassification
    WhisperForConditionalGeneration Wav2Vec2ForCTC HubertForCTC ASTForAudioClassification"""
TRANSFORMERS_ALONE = "CLIPModel"
SOURCES = {
    "torchvision": "https://pytorch.org/vision/0.28/models.html",
    "timm": "https://github.com/huggingface/pytorch-image-models",
    "transformers": "https://github.com/huggingface/transformers",
}
SMALL = {
    "vocab_size": 1000, "max_position_embeddings": 128, "n_positions": 128, "pad_token_id": 0, "bos_token_id": 1,
    "eos_token_id": 2, "decoder_start_token_id": 2, "hidden_size": 128, "word_embed_proj_dim": 128,
    "embedding_size": 64, "head_dim": 32, "d_kv": 32, "rotary_dim": 8, "num_attention_heads": 4,
    "encoder_attention_heads": 4, "decoder_attention_heads": 4, "num_key_value_heads": 2, "num_hidden_layers": 2,
    "num_layers": 2, "num_decoder_layers": 2, "encoder_layers": 2, "decoder_layers": 2, "intermediate_size": 256,
    "encoder_ffn_dim": 256, "decoder_ffn_dim": 256, "ffn_dim": 256, "d_ff": 256, "hidden_dim": 256,
    "num_local_experts": 4, "state_size": 8, "image_size": 32, "patch_size": 8, "num_labels": 10, "num_mel_bins": 40,
    "max_source_positions": 100,
}  # fmt: skip
"""What configurations of transformers are given of these, as far as they have it."""


@dataclass(frozen=True)
class Stock:
    """A stock model, and inputs that fit it.

    Attributes:
        make: makes the model.
        last: a weak reference to the one that was made last, so that inputs can be fitted to it.
    """

    make: Callable[[], nn.Module]
    last: list[weakref.ref[nn.Module]] = field(default_factory=list, repr=False)

    def build(self) -> nn.Module:
        """Make it with a seed."""
        from tests import peers  # noqa: F401 - makes torchvision and timm importable

        torch.manual_seed(SEED)
        model = self.make()
        self.last[:] = [weakref.ref(model)]
        return model

    def inputs(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The first candidate with which the model runs.

        Raises:
            RuntimeError: no candidate fits.
        """
        model = (self.last and self.last[0]()) or self.build()
        modes = [(part, part.training) for part in model.modules()]
        model.eval()
        try:
            return next(_fitting(model))
        except StopIteration:
            raise RuntimeError(f"{type(model).__name__}: no example inputs fit") from None
        finally:
            for part, mode in modes:
                part.training = mode


def _fitting(model: nn.Module) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
    for example in candidates(model):
        try:
            with torch.no_grad():
                model(*example.args, **example.kwargs)
        except Exception:  # noqa: BLE001, S112 - whatever it is that does not fit
            continue
        yield example.args, example.kwargs


def _torchvision(name: str) -> nn.Module:
    import torchvision

    settings: dict[str, Any] = {"init_weights": True} if name in {"googlenet", "inception_v3"} else {}
    if "_fpn" in name or name.startswith(("deeplab", "fcn", "lraspp", "ssd")):
        settings["weights_backbone"] = None
    model: nn.Module = torchvision.models.get_model(name, weights=None, **settings)
    return model


def _timm(name: str) -> nn.Module:
    import timm

    model: nn.Module = timm.create_model(name, pretrained=False)
    return model


def _transformers(name: str) -> nn.Module:
    import transformers

    transformers.utils.logging.set_verbosity_error()
    kind = getattr(transformers, name)
    default = kind.config_class()
    aliases = {alias for alias, other in default.attribute_map.items() if other in SMALL}
    model: nn.Module = kind(
        kind.config_class(**{key: SMALL[key] for key in SMALL if hasattr(default, key) and key not in aliases})
    )
    return model


def loss(output: Any) -> Tensor:
    """Cross entropy of a stock model's logits, whatever they come in."""
    if isinstance(output, dict):
        output = output.get("logits", output.get("out", next(iter(output.values()))))
    elif hasattr(output, "logits"):
        output = output.logits
    logits = first(output)
    return classes(logits.movedim(1, -1) if logits.dim() == 4 else logits)


def _cases(library: str, make: Callable[[str], nn.Module], names: str, *, alone: bool) -> Iterator[Case]:
    for name in names.split():
        stock = Stock(partial(make, name))
        yield Case(
            f"{library} {name}",
            "CONTROL",
            SOURCES[library],
            "A stock model with its authors' weights at random: whatever it does, they meant it.",
            stock.build,
            inputs=None if alone else stock.inputs,
            loss=None if alone else loss,
        )


CASES: tuple[Case, ...] = (
    *_cases("torchvision", _torchvision, TORCHVISION, alone=False),
    *_cases("torchvision", _torchvision, TORCHVISION_ALONE, alone=True),
    *_cases("timm", _timm, TIMM, alone=False),
    *_cases("timm", _timm, TIMM_ALONE, alone=True),
    *_cases("transformers", _transformers, TRANSFORMERS, alone=False),
    *_cases("transformers", _transformers, TRANSFORMERS_ALONE, alone=True),
)
