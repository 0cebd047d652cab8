"""Sixty architectures that stand for the others: one or two of each family, small, and quick to read."""

from __future__ import annotations

from benchmarks.zoo.entries import Entry

_SAMPLE = {
    "timm": """
        resnet18 resnext26ts seresnet18 densenet121 mobilenetv3_small_100 efficientnet_b0 regnety_002
        convnext_atto repvgg_a0 vit_tiny_patch16_224 deit_tiny_distilled_patch16_224 beit_base_patch16_224
        swin_tiny_patch4_window7_224 mixer_s32_224 resmlp_12_224 gmlp_ti16_224 coatnet_pico_rw_224
        maxvit_rmlp_pico_rw_256 poolformer_s12 xcit_nano_12_p16_224
    """,
    "torchvision": """
        alexnet vgg11_bn resnet18 mobilenet_v2 googlenet vit_b_32 swin_t r3d_18 fcn_resnet50 raft_small
    """,
    "transformers": """
        GPT2LMHeadModel LlamaForCausalLM Gemma2ForCausalLM Qwen3ForCausalLM MixtralForCausalLM
        MambaForCausalLM RwkvForCausalLM FalconForCausalLM BloomForCausalLM OPTForCausalLM GPTNeoXForCausalLM
        PhiForCausalLM BertForMaskedLM BertForMultipleChoice RobertaForSequenceClassification
        DebertaV2ForTokenClassification DistilBertForQuestionAnswering FNetModel T5ForConditionalGeneration
        BartForSequenceClassification ViTForImageClassification SegformerForSemanticSegmentation
        DetrForObjectDetection CLIPModel LlavaForConditionalGeneration Qwen2VLForConditionalGeneration
        WhisperForConditionalGeneration Wav2Vec2ForCTC LayoutLMv3Model PatchTSTModel
    """,
}


def sample(count: int = 60) -> list[Entry]:
    """Return `count` of the sixty, as many of each library as its share in them."""
    share = count / sum(len(names.split()) for names in _SAMPLE.values())
    chosen: list[Entry] = []
    for library, written in _SAMPLE.items():
        names = written.split()
        chosen += [Entry(library, name) for name in names[: max(1, round(share * len(names)))]]
    return chosen
