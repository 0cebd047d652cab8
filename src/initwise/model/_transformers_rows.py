"""The table behind `_transformers.py`: attributes, their usage, and the classes that have them, as globs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from initwise.axes import Axes, Blocks
from initwise.model._usage import Usage

Known = Usage | Callable[[Any], Usage | None]
Row = tuple[str, Known, str]  # attributes, their usage, and the classes that have them

_TOKEN = Usage("cat", "token")
_POSITION = Usage("add", "position")
_TABLE = Usage("lookup", "table")
_CONTRACTED_TABLE = Usage("matmul", "table")  # contracted with the query or the scores, one row for each distance
_SCALE = Usage("mul", "scale", neutral=1.0)
_GATE = Usage("tanh", "scale", neutral=0.0)  # a branch is multiplied by tanh of it, closed at first
_SHIFT = Usage("add", "bias", neutral=0.0)
_BIAS = Usage("linear", "bias")
_NORM_WEIGHT = Usage("norm", "norm_weight", neutral=1.0)
_NORM_BIAS = Usage("norm", "norm_bias", neutral=0.0)
_EXP = Usage("exp", "rate", neutral=0.0)
_SOFTMAX = Usage("softmax", "rate")
_SOFTPLUS = Usage("softplus", "rate")
_SIGMOID = Usage("sigmoid", "rate")

_LINEAR = Usage("linear", "weight", Axes(fan_in=(1,), fan_out=(0,)))  # (out, in)
_MATMUL = Usage("matmul", "weight", Axes(fan_in=(0,), fan_out=(1,)))  # (in, out)
_VECTOR = Usage("einsum", "weight", Axes(fan_in=(0,), fan_out=()))  # (in,), one output
_STACK = Usage("linear", "weight", Axes(fan_in=(2,), fan_out=(1,), batch=(0,)))  # (matrices, out, in)
_TRANSPOSED_STACK = Usage("matmul", "weight", Axes(fan_in=(1,), fan_out=(2,), batch=(0,)))  # (matrices, in, out)
_HEADS = Usage("einsum", "weight", Axes(fan_in=(0,), fan_out=(1, 2)))  # (model, heads, head)
_FROM_HEADS = Usage("einsum", "weight", Axes(fan_in=(1, 2), fan_out=(0,)))
_DEPTHWISE = Usage("conv1d", "weight", Axes(fan_in=(), fan_out=(), batch=(1,), kernel=(0,)))  # (taps, channels)


def _gate_up(module: Any) -> Usage | None:
    """Gate and up projections of all experts in one tensor, one after the other or alternating."""
    shape, transposed = tuple(module.gate_up_proj.shape), _is_transposed(module)
    out = 2 if transposed else 1
    if len(shape) != 3 or shape[out] % 2:
        return None
    known = _TRANSPOSED_STACK if transposed else _STACK
    axes = known.axes
    if axes is None or not getattr(module, "is_concatenated", True):  # gate and up alternate, as in gpt-oss
        axes = Axes(axes.fan_in, axes.fan_out, axes.batch, split=((out, 2),)) if axes is not None else None
        return Usage(known.operation, "weight", axes)
    return Usage(known.operation, "weight", axes, Blocks(out, ("gate", "up"), (shape[out] // 2,) * 2))


def _expert_matrix(attribute: str) -> Known:
    def read(module: Any) -> Usage | None:
        if getattr(module, attribute).ndim != 3:
            return None
        return _TRANSPOSED_STACK if _is_transposed(module) else _STACK

    return read


def _is_transposed(module: Any) -> bool:
    """Return whether experts are stored (experts, in, out), as the decorator of their class says; Llama 4 has none."""
    return bool(getattr(module, "is_transposed", type(module).__name__ == "Llama4TextExperts"))


def _flat_experts(fan_in: int) -> Known:
    """The matrices of all experts below each other, (experts * hidden, model)."""

    def read(module: Any) -> Usage:
        axes = Axes(fan_in=(fan_in,), fan_out=(1 - fan_in,), split=((0, module.moe_num_experts),))
        return Usage("matmul", "weight", axes)

    return read


def _offset_norm(module: Any) -> Usage:
    """A norm whose module adds `unit_offset` to its weight."""
    return Usage("norm", "norm_weight", neutral=1.0 - module.unit_offset)


def _quantized_lookup(module: Any) -> Usage:
    return Usage("embedding", "embedding", Axes(fan_in=(), fan_out=(1,)), padding=module.padding_idx)


_EXPERTS: tuple[Row, ...] = (
    ("gate_up_proj", _gate_up, "*Experts"),
    ("down_proj", _expert_matrix("down_proj"), "*Experts"),
    ("up_proj", _expert_matrix("up_proj"), "NemotronHExperts InklingSharedExperts"),
    ("gate_proj", _expert_matrix("gate_proj"), "InklingSharedExperts"),
    ("gate_up_proj_bias down_proj_bias", _BIAS, "GptOssExperts OpenAIPrivacyFilterExperts"),
    ("w1 v1", _flat_experts(fan_in=1), "DbrxExpertGLU"),
    ("w2", _flat_experts(fan_in=0), "DbrxExpertGLU"),
    ("weight", _STACK, "JetMoeParallelExperts"),
    ("bias", _SHIFT, "JetMoeMoE JetMoeMoA"),
    ("weight", _LINEAR, "*TopKRouter *TopkRouter DeepseekV4HashRouter"),
    ("bias", _BIAS, "GptOssTopKRouter OpenAIPrivacyFilterTopKRouter"),
    # Added to the scores only where experts are chosen; balanced by hand, not by gradients.
    ("e_score_correction_bias expert_bias", Usage("topk", "bias", neutral=0.0),
     "Ernie4_5_MoeStatics Ernie4_5_VLMoeMoeStatics LagunaTopKRouter AfmoeSparseMoeBlock"),
    ("scale per_expert_scale", _SCALE, "DiffusionGemmaTextRouter Gemma4TextRouter"),
    ("global_scale", _SCALE, "InklingMLP InklingTopkRouter"),
    ("router_states_scale", _SCALE, "ZayaRouter"),
)  # fmt: skip

_STACKS: tuple[Row, ...] = (
    ("weight", _STACK, "KyutaiSpeechToTextFlexibleLinear MoshiFlexibleLinear"),
    ("weight", _TRANSPOSED_STACK, "CsmCodebooksHead GroupedLinearLayer"),
    ("input_gate_weight recurrent_gate_weight", _TRANSPOSED_STACK, "RecurrentGemmaRglru"),
    ("plddt_weight resolved_weight", _TRANSPOSED_STACK, "EsmFold2ConfidenceHead"),
)

_MATRICES: tuple[Row, ...] = (
    ("weight", _MATMUL, "AMSoftmaxLoss"),
    ("mm_input_projection_weight", _MATMUL, "Gemma3MultiModalProjector T5Gemma2MultiModalProjector"),
    ("text_projection", _MATMUL, "OmDetTurboLanguageBackbone"),
    ("prompts_visual_projection", _MATMUL, "XCLIPModel"),
    ("proj", _MATMUL, "InklingRelativeLogits Inkling2RelativeLogits"),
    ("w_g", _MATMUL, "SwiftFormerEfficientAdditiveAttention"),
    ("positional_embedding", _MATMUL, "SamPositionalEmbedding SamHQPositionalEmbedding"),  # coordinates @ frequencies
    ("fn", _LINEAR, "DeepseekV4HyperConnection Glm5NextTextHyperConnection HYV4HyperConnection"),
    ("hc_fn", _LINEAR, "DeepseekV4HyperHead HYV4HyperHead"),
    ("index_kpool_compress_gate", _LINEAR, "Glm5NextTextIndexer"),
    ("input_matrix_continuous", _LINEAR, "EsmFold2Parcae"),
    ("weight", _LINEAR, "QuantLinear"),
    ("weight", _quantized_lookup, "QuantEmbedding"),
    ("q k v r", _HEADS, "XLNetRelativeAttention"),
    ("o", _FROM_HEADS, "XLNetRelativeAttention"),
    ("r_kernel", _HEADS, "FunnelRelMultiheadAttention"),
    ("output_weights column_output_weights", _VECTOR, "TapasForQuestionAnswering"),
    ("static_weight", _DEPTHWISE, "Inkling2DynamicShortConvolution"),
    # One-hot choices of the groups times their vectors: a lookup, each group on its own.
    ("codevectors", Usage("lookup", "embedding", Axes(fan_in=(), fan_out=(2,))), "*GumbelVectorQuantizer"),
)

_TOKENS: tuple[Row, ...] = (
    ("cls_token mask_token distillation_token register_tokens detection_tokens", _TOKEN, "*Embeddings"),
    ("class_embedding", _TOKEN, "*Embeddings *PatchEmbedder Llama4VisionModel MllamaVisionModel"),
    ("cls_token", _TOKEN,
     "Aimv2AttentionPoolingHead CvtStage FlavaMultimodalModel LayoutLMv3Model PatchTSTPositionalEncoding"),
    ("cls_register_token", _TOKEN, "RadioPatchEmbeddings"),
    ("cls_emb", _TOKEN, "VideoPrismTextEmbeddings"),
    ("mask_token", _TOKEN, "HieraDecoder VideoMAEForPreTraining ViTMAEDecoder"),
    ("mask_tokens", _TOKEN, "VJEPA2PredictorEmbeddings"),
    ("mask_emb", _TOKEN, "XLNetModel"),
    ("masked_spec_embed", _TOKEN,
     "Data2VecAudioModel HubertModel SEWModel SEWDModel SpeechT5SpeechEncoderPrenet UniSpeechModel UniSpeechSatModel "
     "Wav2Vec2Model Wav2Vec2BertModel Wav2Vec2ConformerModel WavLMModel"),
    ("query_tokens", _TOKEN, "Blip2* InstructBlip* VJEPA2AttentivePooler"),
    ("query", _TOKEN,
     "AriaProjector Granite4VisionWindowQFormerDownsampler GraniteSpeechEncoderProjector "
     "GraniteSpeechPlusEncoderProjector"),
    ("probe", _TOKEN, "*MultiheadAttentionPoolingHead"),
    ("pooling_attention_query", _TOKEN, "VideoPrismMultiheadAttentionPoolingHead"),
    ("latent_query", _TOKEN, "Kosmos2ImageToTextProjection Kosmos2_5ImageToTextProjection"),
    ("latents", _TOKEN, "EvollaSequenceCompressorResampler Idefics2PerceiverResampler PerceiverEmbeddings"),
    ("latents_1d latents_2d", _TOKEN, "EdgeTamVideoPerceiverResampler"),
    ("group_token", _TOKEN, "GroupViTStage"),
    ("image_newline", _TOKEN,
     "Granite4VisionModel HunYuanVLVisionPatchMerger LlavaNextModel LlavaNextVideoModel LlavaOnevisionModel "
     "UnlimitedOcrModel"),
    ("image_begin image_end image_sep", _TOKEN, "HunYuanVLVisionPatchMerger"),
    ("global_img_feature_extensor sub_img_feature_extensor", _TOKEN, "Phi4MultimodalImageEmbedding"),
    ("view_separator", _TOKEN, "DeepseekOcr2Model UnlimitedOcrModel"),
    ("eoi_embedding", _TOKEN, "T5Gemma2TextScaledWordEmbedding"),
    ("silence_embeds", _TOKEN, "Nemotron3DiarizationForAudioFrameClassification"),
    ("bos_latent", _TOKEN, "GradiumPhononTTSModel PocketTTSModel"),
    ("dummy_node", _TOKEN, "BrosRelationExtractor"),
    ("text_prompt", _TOKEN, "TvpModel"),
    ("pad_up pad_down pad_left pad_right", _TOKEN, "TvpFramePadPrompter TvpFrameDownPadPrompter"),
    ("z_L_init", _TOKEN, "HrmTextModel"),
    ("query", Usage("matmul", "token"), "Inkling2BlockAttentionResidual"),
)  # fmt: skip

_POSITIONS: tuple[Row, ...] = (
    ("position_embeddings position_embedding", _POSITION,
     "*Embeddings PerceiverTrainablePositionEncoding Sam3LiteTextTextPositionEmbedding "
     "XCLIPMultiframeIntegrationTransformer"),
    ("mid_position_embeddings", _POSITION, "InterpolateMidPositionEmbeddings"),
    ("cls_position_embedding", _POSITION, "Inkling2VisionEmbeddings"),
    ("time_embeddings", _POSITION, "TimesformerEmbeddings"),
    ("position_enc", _POSITION, "PatchTSMixerPositionalEncoding PatchTSTPositionalEncoding"),
    ("pos_embed", _POSITION,
     "*SamVisionEncoder SamHQVisionEncoder GotOcr2VisionEncoder SLANeXtVisionEncoder PPFormulaNetVisionModel "
     "LayoutLMv3Model MgpstrEmbeddings Sam2HieraDetModel"),
    ("pos_embed_window", _POSITION, "Sam2HieraDetModel"),
    ("decoder_position_embeddings", _POSITION, "HieraDecoder"),
    ("decoder_pos_embed", _POSITION, "ViTMAEDecoder"),
    ("positional_embedding", _POSITION, "Molmo2VisionModel OneFormerTextEncoder"),
    ("positional_embedding_vlm", _POSITION, "Llama4VisionModel"),
    ("embedding", _POSITION, "MllamaPrecomputedPositionEmbedding"),
    ("position_embedding_table", Usage("embedding", "position"), "Gemma4VisionPatchEmbedder"),
    ("pos_embedding", Usage("lookup", "position"), "Gemma4UnifiedVisionEmbedder"),
    ("image_positions", _POSITION, "Granite4VisionWindowQFormerDownsampler"),
    ("position_bias", _POSITION, "DeepseekV4HCACompressor DeepseekV4CSACompressor DeepseekV4Indexer"),
    ("index_kpool_compress_ape", _POSITION, "Glm5NextTextIndexer"),
    ("memory_temporal_positional_encoding no_memory_positional_encoding", _POSITION,
     "EdgeTamVideoModel Sam2VideoModel Sam3TrackerVideoModel"),
    # One vector for each level, type or missing thing instead of each position, added all the same.
    ("no_memory_embedding", _POSITION,
     "EdgeTamModel EdgeTamVideoModel Sam2Model Sam2VideoModel Sam3TrackerModel Sam3TrackerVideoModel"),
    ("no_object_pointer occlusion_spatial_embedding_parameter", _POSITION,
     "EdgeTamVideoModel Sam2VideoModel Sam3TrackerVideoModel"),
    ("level_embed", _POSITION,
     "DeformableDetrModel GroundingDinoModel MMGroundingDinoModel Mask2FormerPixelDecoder OneFormerPixelDecoder"),
    ("segment_token_input segment_token_prompt type_token_semantic type_token_instance", _POSITION, "SegGptEmbeddings"),
    ("visual_segment_embedding", _POSITION, "LayoutLMv2Model"),
    ("class_pos_emb", Usage("rotary", "rate"), "MLCDVisionModel"),
)  # fmt: skip

_TABLES: tuple[Row, ...] = (
    ("relative_position_bias_table", _TABLE, "*SelfAttention *RelativePositionBias"),
    ("relative_attention_bias", _TABLE, "CpmAntSegmentPositionEmbedding"),
    ("attention_biases", _TABLE, "LevitAttention LevitAttentionSubsample"),
    ("rpb", _TABLE, "NeighborhoodAttention"),
    ("rel_pos_h rel_pos_w", _CONTRACTED_TABLE, "*VisionAttention SegGptAttention VitDetAttention"),
    ("emb_rel_k emb_rel_v", _CONTRACTED_TABLE, "VitsAttention"),
    ("seg_embed", _CONTRACTED_TABLE, "FunnelRelMultiheadAttention XLNetRelativeAttention"),
)

_BIASES: tuple[Row, ...] = (
    ("bias", _BIAS,
     "*LMHead *MLMHead *LMPredictionHead EntityPredictionHead FlavaMaskedPredictionHead PerceiverEmbeddingDecoder "
     "GroupedLinearLayer SeparableConv1D MMGroundingDinoContrastiveEmbedding"),
    ("sinks", Usage("attention", "bias"), "*Attention"),  # one more score in each softmax
    ("pos_bias_u pos_bias_v bias_u bias_v", Usage("attention", "bias"), "*Attention"),  # added to the query
    ("r_w_bias r_r_bias r_s_bias", Usage("attention", "bias"), "FunnelRelMultiheadAttention XLNetRelativeAttention"),
    ("q_bias v_bias", _BIAS, "DisentangledSelfAttention LayoutLMv2SelfAttention"),
    ("bias", _BIAS, "QuantLinear"),
    ("gate_bias", _BIAS, "BeamAttention"),
    ("dense_bias", _BIAS, "GPTNeoXJapaneseAttention"),
    ("input_gate_bias recurrent_gate_bias", _BIAS, "RecurrentGemmaRglru"),
    ("time_first", Usage("add", "bias"), "RwkvSelfAttention"),  # added to the key of the present position
    ("output_bias column_output_bias", _BIAS, "TapasForQuestionAnswering"),
    ("b1 b2", _BIAS, "Phi4MultimodalAudioGluPointWiseConv"),
    ("segmentation_bias", _BIAS, "RfDetrForInstanceSegmentation"),
    ("logit_bias text_audio_logit_bias audio_video_logit_bias text_audio_video_logit_bias audio_plus_text_logit_bias "
     "video_plus_text_logit_bias text_video_logit_bias", _SHIFT, "SiglipModel Siglip2Model Pe*Model"),
    ("bin_score", Usage("cat", "bias"), "SuperGlueForKeypointMatching"),  # the score of "no match"
    ("base", _SHIFT, "DeepseekV4HyperConnection Glm5NextTextHyperConnection HYV4HyperConnection"),
    ("hc_base", _SHIFT, "DeepseekV4HyperHead HYV4HyperHead"),
    ("latent_bias_factor", _SHIFT, "VibeVoiceModel"),
    ("translate", _SHIFT, "VitsElementwiseAffine"),
    ("hidden_states_bias residual_bias", _SHIFT, "ZayaResidualScaling"),
    ("input_hidden_states_bias", _SHIFT, "ZayaModel"),
    # Queries are multiplied by scale * log(position) + bias.
    ("bias", Usage("add", "bias", neutral=1.0), "MistralLarge4TextSoftmaxScaling"),
)  # fmt: skip

_SCALES: tuple[Row, ...] = (
    ("lambda1 layer_scale scale", _SCALE, "*LayerScale *LayerScaledResidual"),
    ("lambda_1 lambda_2", _SCALE, "*VisionLayer *VisionEncoderLayer BeitLayer"),
    ("layer_scale_parameter", _SCALE, "ConvNextLayer"),
    ("layer_scale_parameters", _SCALE, "DinatLayer"),
    ("layer_scale", _SCALE, "SwiftFormerConvEncoder SwiftFormerLocalRepresentation"),
    ("layer_scale_1 layer_scale_2", _SCALE, "PoolFormerLayer SwiftFormerEncoderBlock"),
    ("gamma_1 gamma_2", _SCALE, "FocalNetLayer LwDetrViTLayer"),
    ("gamma ffn_gamma", _SCALE, "*ConvNeXtBlock *ConvNextLayer *ConvNext1dLayer"),
    ("scale", _SCALE, "*MemoryFuserCXBlock *LearnableAffineBlock Inkling2ScaledL2Clip"),
    ("bias", _SHIFT, "*LearnableAffineBlock"),
    ("scale", _SCALE, "DeepseekV4HyperConnection Glm5NextTextHyperConnection HYV4HyperConnection"),
    ("hc_scale", _SCALE, "DeepseekV4HyperHead HYV4HyperHead"),
    ("scale", Usage("mul", "scale", neutral=0.0), "MistralLarge4TextSoftmaxScaling"),
    ("vision_param text_param", _SCALE, "GroundingDinoFusionLayer MMGroundingDinoFusionLayer"),
    ("weight", Usage("mul", "scale", neutral=0.0), "ConvNextV2GRN"),  # added to the input, not instead of it
    ("bias", _SHIFT, "ConvNextV2GRN"),
    ("weight", _SCALE, "NoNorm"),
    ("bias", _SHIFT, "NoNorm"),
    ("input_residual post_attention_residual", _SCALE, "DogeDecoderLayer"),
    ("correct_output_scale", _SCALE, "Gemma3nTextAltUp"),
    ("temperature", Usage("div", "scale", neutral=1.0), "AlignModel Tipsv2Model"),
    ("text_audio_logit_scale audio_video_logit_scale text_audio_video_logit_scale audio_plus_text_logit_scale "
     "video_plus_text_logit_scale text_video_logit_scale", _SCALE, "Pe*Model"),
    ("scaled_factor", _SCALE, "BridgeTowerLinkTower"),
    ("beta", Usage("mul", "scale"), "BridgeTowerLinkTower"),  # the share of one of two streams
    ("lambdas", Usage("mul", "scale"), "NeoMMEEncoderLayer"),  # the weights of two streams
    ("closure_weight", Usage("mul", "scale", neutral=0.0), "PPDocLayoutV4S2RFusion"),
    ("high_res_vision_alpha", Usage("mul", "scale", neutral=0.0), "DeepseekVLHybridModel"),
    ("alpha", _SCALE, "Snake1d SpeechT5ScaledPositionalEncoding XCLIPPromptGenerator"),
    ("pos_emb_alpha pos_emb_alpha_char", _SCALE, "SeamlessM4Tv2TextToUnitDecoder"),
    ("gru_rel_pos_const", _SCALE, "WavLMAttention"),
    ("latent_scaling_factor", _SCALE, "VibeVoiceModel"),
    ("temp", _SCALE, "ZayaQKNorm"),
    # The share of the present position, the rest is that before; 1 is no mixing.
    ("time_mix_key time_mix_value time_mix_receptance", _SCALE, "RwkvSelfAttention RwkvFeedForward"),
    ("hidden_states_scale residual_scale", _SCALE, "ZayaResidualScaling"),
    ("input_hidden_states_scale", _SCALE, "ZayaModel"),
    ("alpha_cross_attn alpha_dense", _GATE, "IdeficsGatedCrossAttentionLayer"),
    ("gate_attention gate_ffw", _GATE, "EvollaSequenceAlignerCrossAttention"),
    ("gate", _GATE, "MllamaPrecomputedAspectRatioEmbedding MllamaPrecomputedPositionEmbedding"),
    ("gate_attn gate_ffn", _GATE, "MllamaVisionEncoderLayer"),
    ("cross_attn_attn_gate cross_attn_mlp_gate", _GATE, "MllamaCrossAttentionDecoderLayer"),
    ("alpha", _GATE, "NeoMMEExclusiveSelfAttention"),
)  # fmt: skip

_RATES: tuple[Row, ...] = (
    ("logit_scale", _EXP,
     "Aimv2Model AltCLIPModel BlipModel BridgeTowerForContrastiveLearning CLIPModel CLIPSegModel ChineseCLIPModel "
     "ClvpModelForConditionalGeneration FlavaModel GroupViTModel MetaClip2Model OneFormerLoss OwlViTModel Owlv2Model "
     "Siglip2Model SiglipModel Swin2SRSelfAttention Swinv2SelfAttention VisionTextDualEncoderModel XCLIPModel"),
    ("logit_scale_a logit_scale_t", _EXP, "ClapModel"),
    ("alpha beta", _EXP, "*SnakeBeta"),
    ("log_scale", _EXP, "VitsElementwiseAffine"),
    ("log_k", _EXP, "MoonshineStreamingAsinhCompression"),
    ("lambda_q1 lambda_k1 lambda_q2 lambda_k2", Usage("exp", "rate"), "DiffLlamaAttention"),
    ("log_state_decay", Usage("exp", "rate"), "EsmFold2Parcae"),
    ("log_delta", _SOFTPLUS, "EsmFold2Parcae"),
    ("layer_weights", _SOFTMAX,
     "*ForSequenceClassification *ForAudioFrameClassification *ForXVector WhisperForAudioClassification "
     "EsmFold2LanguageModelEncoder"),
    ("esm_s_combine", _SOFTMAX, "EsmForProteinFolding"),
    ("per_dim_scale", _SOFTPLUS, "Gemma3nAudioAttention Gemma4AudioAttention VideoPrismMultiheadAttentionPoolingHead"),
    ("scaling", _SOFTPLUS, "TimesFmAttention TimesFm2_5Attention"),
    ("head_weights", _SOFTPLUS, "EsmFoldInvariantPointAttention"),
    ("gate", _SIGMOID, "MuseSparkResidualGate"),
    ("A", Usage("exp", "rate"), "DogeAttention"),
    ("alpha_p alpha_n", _SOFTPLUS, "XIELUActivation"),
    ("recurrent_param", _SOFTPLUS, "RecurrentGemmaRglru"),
    ("time_decay", Usage("exp", "rate"), "RwkvSelfAttention"),
)  # fmt: skip

_NORMS: tuple[Row, ...] = (
    ("weight", _NORM_WEIGHT,
     "CpmAntLayerNorm ImageGPTLayerNorm GradiumPhononTTSTimestepNorm PocketTTSTimestepNorm xLSTMRMSNorm "
     "xLSTMMultiHeadLayerNorm"),
    ("bias", _NORM_BIAS, "xLSTMRMSNorm xLSTMMultiHeadLayerNorm"),
    ("gamma", _offset_norm, "MoonshineStreamingLayerNorm"),
    ("weight", _NORM_WEIGHT, "IntLayerNorm"),
    ("bias", _NORM_BIAS, "IntLayerNorm"),
)  # fmt: skip

ROWS: tuple[Row, ...] = (
    *_EXPERTS, *_STACKS, *_MATRICES, *_TOKENS, *_POSITIONS, *_TABLES, *_BIASES, *_SCALES, *_RATES, *_NORMS
)  # fmt: skip
