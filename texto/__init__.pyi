"""What editors and type checkers see of the names that `texto` imports when they are used."""

from typing import Any

from neural.methods.gatys import Gatys as Gatys
from neural.methods.gotex.nets import GotexAllNet as GotexAllNet
from neural.methods.gotex.nets import GotexMixIV3Net as GotexMixIV3Net
from neural.methods.gotex.nets import GotexMixNet as GotexMixNet
from neural.methods.gotex.nets import GotexPatchNet as GotexPatchNet
from neural.methods.gotex.nets import GotexVGGNet as GotexVGGNet
from neural.methods.gotex.pixels import GotexAll as GotexAll
from neural.methods.gotex.pixels import GotexMix as GotexMix
from neural.methods.gotex.pixels import GotexMixIV3 as GotexMixIV3
from neural.methods.gotex.pixels import GotexPatch as GotexPatch
from neural.methods.gotex.pixels import GotexVGG as GotexVGG
from neural.methods.gpdm import GPDM as GPDM
from neural.methods.psgan.method import PSGAN as PSGAN
from neural.methods.singan.method import SinGAN as SinGAN
from neural.methods.sw_vgg import SlicedVGG as SlicedVGG
from neural.methods.texnet import TexNet as TexNet
from texto.comparison import compare as compare
from texto.core.errors import TextoError as TextoError
from texto.core.history import History as History
from texto.editing.inpainting import inpaint as inpaint
from texto.editing.maps import stack as stack
from texto.editing.maps import stack_of as stack_of
from texto.editing.mixing import mix as mix
from texto.editing.recoloring import recolor as recolor
from texto.editing.tiling import tile as tile
from texto.io.images import read_image as read_image
from texto.io.images import write_image as write_image
from texto.io.model_files import load as load
from texto.io.model_files import save as save
from texto.methods.efros_leung.method import EfrosLeung as EfrosLeung
from texto.methods.gaussian import Gaussian as Gaussian
from texto.methods.gpnn.method import GPNN as GPNN
from texto.methods.kwatra.method import Kwatra as Kwatra
from texto.methods.nifty import Nifty as Nifty
from texto.methods.ot_flow import OTFlow as OTFlow
from texto.methods.patch_assignment.method import PatchAssignment as PatchAssignment
from texto.methods.patch_ot.method import PatchOT as PatchOT
from texto.methods.quilting import Quilting as Quilting
from texto.methods.texto.method import Texto as Texto
from texto.methods.textogmm.method import TextoGMM as TextoGMM

from . import metrics as metrics

__version__: str

def method(name: str, **settings: Any) -> Any: ...
