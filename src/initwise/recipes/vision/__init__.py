"""Vision models: convolutional networks, vision transformers, generators and detectors."""

from initwise.recipes._recipe import Recipe
from initwise.recipes.vision._convnext import CONVNEXT
from initwise.recipes.vision._dcgan import DCGAN
from initwise.recipes.vision._dit import DIT
from initwise.recipes.vision._fixup import FIXUP
from initwise.recipes.vision._mixer import MIXER
from initwise.recipes.vision._mobile import EFFICIENTNET, MOBILENET
from initwise.recipes.vision._resnet import RESNET, RESNET_ZERO_GAMMA
from initwise.recipes.vision._retinanet import RETINANET
from initwise.recipes.vision._swin import SWIN
from initwise.recipes.vision._timm_vit import TIMM_VIT, TIMM_VIT_JAX, TIMM_VIT_JAX_NLHB, TIMM_VIT_MOCO
from initwise.recipes.vision._unet import UNET_ZERO
from initwise.recipes.vision._upsampling import BILINEAR_UPSAMPLING, ICNR_RECIPE
from initwise.recipes.vision._vit import VIT

RECIPES: tuple[Recipe, ...] = (
    RESNET,
    RESNET_ZERO_GAMMA,
    EFFICIENTNET,
    MOBILENET,
    VIT,
    TIMM_VIT,
    TIMM_VIT_JAX,
    TIMM_VIT_JAX_NLHB,
    TIMM_VIT_MOCO,
    CONVNEXT,
    SWIN,
    MIXER,
    DCGAN,
    FIXUP,
    DIT,
    UNET_ZERO,
    RETINANET,
    ICNR_RECIPE,
    BILINEAR_UPSAMPLING,
)
