"""Norms of transformers and timm, by qualified name, with the value their weight starts from.

Nothing is imported: a class is recognised by the name of its module and its own. Read from the sources of
transformers 5.23 and timm 1.0.31: a norm belongs to `ONES` if its forward multiplies by the weight, and to `ZEROS` if
it multiplies by one plus the weight, as Gemma's does.
"""

from __future__ import annotations

ONES = frozenset(
    """
    AXK1RMSNorm AXK2RMSNorm AfmoeRMSNorm Aimv2RMSNorm ApertusRMSNorm ArceeRMSNorm AriaTextRMSNorm BailingHybridRMSNorm
    BailingHybridRMSNormGated BambaRMSNorm BambaRMSNormGated BeamRMSNorm BitNetRMSNorm BltRMSNorm ChameleonRMSNorm
    ClvpRMSNorm Cohere2LayerNorm Cohere2MoeLayerNorm Cohere2MoeRMSNorm CohereCompassLayerNorm CohereLayerNorm
    Cosmos3EdgeTextRMSNorm CsmRMSNorm CwmRMSNorm DebertaLayerNorm DeepseekOcr2TextRMSNorm DeepseekOcr2VisionRMSNorm
    DeepseekV2RMSNorm DeepseekV32RMSNorm DeepseekV3RMSNorm DeepseekV4RMSNorm Deimv2RMSNorm DiaRMSNorm DiffLlamaRMSNorm
    DiffusionGemmaRMSNorm DogeRMSNorm Dots1RMSNorm Dots3NoteRMSNorm EmbeddingGemma2RMSNorm Emu3RMSNorm Ernie4_5RMSNorm
    Ernie4_5_MoeRMSNorm Ernie4_5_VLMoeRMSNorm EsmFoldLayerNorm EuroBertRMSNorm EvollaRMSNorm Exaone4RMSNorm
    Exaone4_5_RMSNorm ExaoneMoeRMSNorm FalconH1RMSNorm FalconH1RMSNormGated FalconMambaRMSNorm FlexOlmoRMSNorm
    FlintRMSNorm Gemma3nAudioCumulativeGroupNorm Gemma3nRMSNorm Gemma4RMSNorm Gemma4UnifiedRMSNorm Glm4MoeLiteRMSNorm
    Glm4MoeRMSNorm Glm4RMSNorm Glm4vMoeRMSNorm Glm4vMoeTextRMSNorm Glm4vRMSNorm Glm5NextRMSNorm Glm5NextTextRMSNorm
    Glm5NextTextRMSNormGated GlmImageRMSNorm GlmMoeDsaRMSNorm GlmOcrRMSNorm GlmRMSNorm GptOssRMSNorm
    Granite4VisionTextRMSNorm GraniteDoclingTextRMSNorm GraniteMoeHybridRMSNorm GraniteMoeHybridRMSNormGated
    GraniteMoeRMSNorm GraniteMoeSWARMSNorm GraniteMoeSharedRMSNorm GraniteRMSNorm GraniteSWARMSNorm HYV3RMSNorm
    HYV4RMSNorm HeliumRMSNorm HiggsAudioV2RMSNorm HunYuanDenseV1RMSNorm HunYuanMoEV1RMSNorm HunYuanVLRMSNorm
    HyperCLOVAXRMSNorm Idefics2RMSNorm Idefics3RMSNorm IdeficsRMSNorm Inkling2RMSNorm InklingRMSNorm
    InternVLVisionRMSNorm JambaRMSNorm JetMoeRMSNorm KimiLinearRMSNorm KimiLinearRMSNormGated Kolibri1RMSNorm
    Kosmos2_5LayerNorm KyutaiSpeechToTextRMSNorm LagunaRMSNorm Lfm2MoeRMSNorm Lfm2RMSNorm Lfm3RMSNorm
    Lfm3VlVisionRMSNorm LightOnOcrRMSNorm Llama4TextRMSNorm LlamaRMSNorm LongT5LayerNorm LongcatFlashRMSNorm
    MT5LayerNorm Mamba2RMSNorm MambaRMSNorm MambaRMSNormGated MellumRMSNorm MiMoV2FlashRMSNorm MiniCPM3RMSNorm
    MiniMaxM2RMSNorm MiniMaxRMSNorm Ministral3RMSNorm MinistralRMSNorm Mistral3RMSNorm Mistral4RMSNorm
    MistralLarge4RMSNorm MistralRMSNorm MixtralRMSNorm MllamaTextRMSNorm Molmo2RMSNorm MoshiRMSNorm
    MuseGlimmerAssistantRMSNorm MuseGlimmerRMSNorm MuseSparkRMSNorm NemotronHRMSNorm NemotronHRMSNormGated
    NemotronH_Omni_RMSNorm NeoMMERMSNorm NeuCodecRMSNorm Olmo2RMSNorm Olmo3RMSNorm OlmoHybridRMSNorm
    OlmoHybridRMSNormGated OlmoeRMSNorm OpenAIPrivacyFilterRMSNorm Ovis2RMSNorm PaddleOCRRMSNorm PeAudioEncoderRMSNorm
    PeAudioVideoEncoderRMSNorm PeVideoEncoderRMSNorm Phi3RMSNorm Phi4MultimodalRMSNorm Pix2StructLayerNorm
    PixtralRMSNorm Pop2PianoLayerNorm QianfanOCRVisionRMSNorm Qwen2MoeRMSNorm Qwen2RMSNorm Qwen2VLRMSNorm
    Qwen2_5OmniRMSNorm Qwen2_5_VLRMSNorm Qwen3MoeRMSNorm Qwen3NextRMSNormGated Qwen3OmniMoeCode2WavRMSNorm
    Qwen3OmniMoeRMSNorm Qwen3OmniMoeTextRMSNorm Qwen3OmniMoeThinkerTextRMSNorm Qwen3RMSNorm Qwen3VLMoeTextRMSNorm
    Qwen3VLTextRMSNorm Qwen3_5MoeRMSNormGated Qwen3_5RMSNormGated Qwen4ExpTextRMSNormGated Sapiens2RMSNorm
    SeedOssRMSNorm SmolLM3RMSNorm SolarOpenRMSNorm SwitchTransformersLayerNorm T5LayerNorm TimesFm2_5RMSNorm
    TimesFmRMSNorm UMT5LayerNorm UdopLayerNorm UltraVBertRMSNorm UltrabertRMSNorm UnlimitedOcrTextRMSNorm
    VibeVoiceAcousticTokenizerRMSNorm VibeVoiceAsrRMSNorm VibeVoiceRMSNorm VitDetLayerNorm VoxtralRealtimeRMSNorm
    Xcodec2RMSNorm YoutuRMSNorm Zamba2RMSNorm Zamba2RMSNormGated ZambaRMSNorm ZayaRMSNorm
    """.split()
)

ZEROS = frozenset(
    """
    Gemma2RMSNorm Gemma3RMSNorm GemmaRMSNorm MiniMaxM3VLRMSNorm MuseGlimmerTextCenteredRMSNorm
    MuseSparkTextCenteredRMSNorm MuseSparkTextInputScaledRMSNorm NemotronLayerNorm1P Qwen3NextRMSNorm
    Qwen3_5MoeRMSNorm Qwen3_5RMSNorm Qwen4ExpTextRMSNorm RecurrentGemmaRMSNorm Step3p7RMSNorm T5Gemma2RMSNorm
    T5GemmaRMSNorm VaultGemmaRMSNorm
    """.split()
)

TIMM_ONES = frozenset(
    "RmsNorm RmsNormFp32 RmsNorm2d RmsNorm2dFp32 SimpleNorm SimpleNormFp32 SimpleNorm2d SimpleNorm2dFp32".split()
)


def neutral_weight(kind: type) -> float | None:
    """Return the value with which a norm of this class scales by one, or None if the class is not a known norm.

    >>> neutral_weight(dict) is None
    True
    """
    if kind.__module__.startswith("transformers.models."):
        return 1.0 if kind.__name__ in ONES else 0.0 if kind.__name__ in ZEROS else None
    if kind.__module__.startswith("timm.layers.") and kind.__name__ in TIMM_ONES:
        return 1.0
    return None
