"""Operations that are run as they are, on every element: recurrences, losses, writes into tensors, transforms."""

from __future__ import annotations

from initwise.signals.forecast._table import family

family("lstm gru rnn_tanh rnn_relu lstm_cell gru_cell rnn_tanh_cell rnn_relu_cell bilinear grouped_mm _grouped_mm")
family("_pack_padded_sequence _pad_packed_sequence tensordot inner vdot outer ger kron chain_matmul linalg_multi_dot")
family("dot addr addbmm cross linalg_cross trace tril triu tril_ triu_ diag diag_embed diagonal_scatter select_scatter")
family("slice_scatter as_strided view_as_real view_as_complex real imag complex polar cfloat conj resolve_conj")
family("resolve_neg fft_fft fft_ifft fft_rfft fft_irfft fft_fft2 fft_ifft2 fft_rfft2 fft_irfft2 fft_fftn fft_ifftn")
family("fft_rfftn fft_irfftn fft_fftshift fft_ifftshift stft istft linalg_inv inverse linalg_solve linalg_qr qr")
family("linalg_cholesky cholesky linalg_matrix_exp matrix_exp linalg_householder_product logdet slogdet linalg_det det")
family("cross_entropy nll_loss mse_loss l1_loss smooth_l1_loss huber_loss binary_cross_entropy kl_div ctc_loss")
family(
    "binary_cross_entropy_with_logits cosine_embedding_loss margin_ranking_loss triplet_margin_loss soft_margin_loss"
)
family("poisson_nll_loss gaussian_nll_loss multi_margin_loss multilabel_margin_loss hinge_embedding_loss nll_loss2d")
family(
    "__setitem__ copy_ fill_ zero_ zero index_fill index_fill_ put_ zeros_like ones_like full_like new_zeros new_ones"
)
family("new_full new_empty new_tensor randint_like")
family(
    "_weight_norm weight_norm unique histc bincount searchsorted bucketize isin trapz __len__ item __bool__ __float__"
)
family("scaled_mm _scaled_mm masked_fill_diagonal fill_diagonal_ roll_ squeeze_multiple numpy tolist __contains__")
family(
    "bernoulli bernoulli_ multinomial randn_like rand_like empty_like normal_ uniform_ rot90 hann_window dropout_p data"
)
