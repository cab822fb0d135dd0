"""The method again, in plain float64 lines: what the tests compare the real implementation with.

Written from the description of the method alone. Everything is dense and slow on purpose; nothing
here is shared with the package.
"""

from __future__ import annotations

import networkx
import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from sklearn.cluster import AffinityPropagation, SpectralClustering
from threadpoolctl import threadpool_limits

# ---- neighbourhood distances ---------------------------------------------------------------------


def ranks(X):
    """Rank of j among row i's distances: 0 for i itself, ties to the lower index."""
    squared = cdist(X, X, "sqeuclidean")
    np.fill_diagonal(squared, -1.0)
    order = np.argsort(squared, axis=1, kind="stable")
    out = np.empty(order.shape)
    np.put_along_axis(out, order, np.arange(len(order), dtype=float)[None, :], axis=1)
    return out


def max_normalized(X):
    D = cdist(X, X)
    return D / D.max()


def local_scaling(X, sigma=7):
    """D² / (σ_i σ_j); σ_i is the distance to the 7th neighbour, or to the last one."""
    D = cdist(X, X)
    scale = np.empty(len(D))
    for i, row in enumerate(D):
        others = np.sort(np.delete(row, i))
        scale[i] = others[min(sigma, len(others)) - 1]
    with np.errstate(invalid="ignore", divide="ignore"):
        out = D**2 / np.outer(scale, scale)
    out[D == 0] = 0.0
    return out


def neighborhood_distances(X, distance="neighborhood", sigma=7):
    if distance == "neighborhood":
        return ranks(X)
    return max_normalized(X) if distance == "max_normalized" else local_scaling(X, sigma)


# ---- difference and affinity ---------------------------------------------------------------------


def locally_biased(r_a, r_b, gamma):
    return np.tanh(gamma * (r_a - r_b) / (np.minimum(r_a, r_b) + 1))


def normalized(difference):
    largest = np.abs(difference).max()
    return difference / largest if largest > 0 else difference


def to_affinity(difference, beta):
    return np.exp(-beta * difference)


def symmetric(M):
    return (M + M.T) / 2


def pair_matrices(
    A, B, *, distance="neighborhood", difference="locally_biased", gamma=0.1, beta=5.0, version="v2",
    normalize_difference=False, sigma=7, groups_a=None, groups_b=None,
):  # fmt: skip
    """``(r_a, r_b, difference, affinity)`` of the direction a_not_b; groups follow the paper's rule."""
    r_a, r_b = neighborhood_distances(A, distance, sigma), neighborhood_distances(B, distance, sigma)
    if version == "v2":
        r_a, r_b = symmetric(r_a), symmetric(r_b)
    if groups_a is not None:
        r_a = np.where(np.not_equal.outer(groups_a, groups_a), 10 * r_a.max(), r_a)
        r_b = np.where(np.not_equal.outer(groups_b, groups_b), 10 * r_b.max(), r_b)
    gamma = 80 / len(A) if gamma == "auto" else gamma
    diff = locally_biased(r_a, r_b, gamma) if difference == "locally_biased" else r_a - r_b
    diff = normalized(diff) if normalize_difference else diff
    return r_a, r_b, diff, to_affinity(diff, beta)


def own_guidance(W, groups, beta):
    """Pairs in different groups of the concept's own model get the weakest affinity."""
    return np.where(np.not_equal.outer(groups, groups), np.exp(-beta), W)


# ---- clustering ----------------------------------------------------------------------------------


def spectral_labels(W, n_clusters, seed=0):
    model = SpectralClustering(n_clusters, affinity="precomputed", random_state=seed)
    with threadpool_limits(limits=1):  # small matrices: more threads only wait for one another
        return model.fit_predict(symmetric(W))


def affinity_propagation_labels(W, seed=0):
    model = AffinityPropagation(affinity="precomputed", random_state=seed, max_iter=1000)
    return model.fit_predict(symmetric(W))


def centrality_scores(W, kind):
    """Scores of all nodes of the symmetric graph without self-loops, adding up to 1."""
    S = symmetric(W)
    np.fill_diagonal(S, 0.0)
    graph = networkx.from_numpy_array(S)
    if kind == "pagerank":
        scores = networkx.pagerank(graph, alpha=0.85, tol=1e-13, max_iter=10_000)
    else:
        scores = networkx.eigenvector_centrality_numpy(graph, weight="weight")
    scores = np.array([scores[i] for i in range(len(S))])
    return scores / scores.sum()


def centrality_groups(W, scores, n_clusters, cluster_size=9):
    """Lists of members in the order in which they are picked."""
    free, groups = set(range(len(W))), []
    for _ in range(n_clusters):
        centre = min(free, key=lambda i: (-scores[i], i))
        free.remove(centre)
        neighbours = sorted(free, key=lambda j: (-W[centre, j], j))[: cluster_size - 1]  # noqa: B023
        free.difference_update(neighbours)
        groups.append([centre, *neighbours])
    return groups


# ---- order and null ------------------------------------------------------------------------------


def mean_affinity(W, members):
    """Over all ordered pairs inside, diagonal included."""
    return W[np.ix_(members, members)].mean()


def number_clusters(W, clusters, version, null_threshold=1.1, has_null=True):
    """Labels with 0 for null, 1 for the strongest; ``has_null``: v1 gives its weakest cluster away."""
    found = [np.flatnonzero(clusters == c) for c in np.unique(clusters)]
    found.sort(key=lambda members: -mean_affinity(W, members))
    if version == "v2":
        found = [members for members in found if mean_affinity(W, members) >= null_threshold]
    elif has_null:
        found = found[:-1]
    labels = np.zeros(len(W), dtype=int)
    for number, members in enumerate(found, start=1):
        labels[members] = number
    return labels


def spectral_concepts(A, B, n_clusters, *, version="v2", null_threshold=1.1, **settings):
    """``(labels, affinity)`` of a_not_b with nothing but the parts above."""
    W = pair_matrices(A, B, version=version, **settings)[3]
    return number_clusters(W, spectral_labels(W, n_clusters + 1), version, null_threshold), W


# ---- selection -----------------------------------------------------------------------------------


def nearest(X, point, among, m):
    """The m items of ``among`` nearest to a point, nearest first, ties to the lower index."""
    among = np.asarray(among)
    distance = ((X[among] - point) ** 2).sum(axis=1)
    return among[np.lexsort((among, distance))[:m]]


def nearest_to_item(X, i, among, m):
    others = [j for j in among if j != i]
    return np.array([i, *nearest(X, X[i], others, m - 1)])


def total_affinities(W, X, members, m):
    """``{i: (N_i, sum of the affinities inside N_i)}``."""
    out = {}
    for i in members:
        N = nearest_to_item(X, i, members, min(m, len(members)))
        out[int(i)] = (N, W[np.ix_(N, N)].sum())
    return out


def select(rule, W, X, members, m):
    """The grid of one rule that leaves no choice; ``spectral_centrality`` gives both signs' grids."""
    to_cluster = W[np.ix_(members, members)].mean(axis=1)
    best, everything = members[np.argmax(to_cluster)], np.arange(len(X))
    centre = X[members].mean(axis=0)
    if rule == "max_total_affinity":
        return max(total_affinities(W, X, members, m).values(), key=lambda pair: pair[1])[0]
    if rule == "max_affinity":
        return members[np.argsort(-to_cluster, kind="stable")[:m]]
    if rule == "max_affinity_neighborhood":
        return nearest_to_item(X, best, members, m)
    if rule == "max_affinity_euclidean_neighborhood":
        return nearest_to_item(X, best, everything, m)
    if rule == "cluster_centroid":
        return nearest(X, centre, members, m)
    if rule == "centroid":
        return nearest(X, centre, everything, m)
    S = symmetric(W[np.ix_(members, members)])
    vector = np.linalg.eigh(np.diag(S.sum(axis=1)) - S)[1][:, -1]
    return [members[np.argsort(-sign * vector, kind="stable")[:m]] for sign in (1, -1)]


# ---- alignment and guidance ----------------------------------------------------------------------


def debiased_cka(X, Y):
    """Debiased linear CKA with n × n matrices, term by term."""

    def centred(Z):
        K = Z @ Z.T
        np.fill_diagonal(K, 0.0)
        n = len(K)
        c = K.sum(axis=0) / (n - 2)
        c = c - c.sum() / (2 * (n - 1))
        K = K - c[:, None] - c[None, :]
        np.fill_diagonal(K, 0.0)
        return K

    K, L = centred(np.asarray(X, float)), centred(np.asarray(Y, float))
    return (K * L).sum() / np.sqrt((K * K).sum() * (L * L).sum())


def group_names(mode, predictions, labels, positive):
    """One name per item; items with the same name are in the same group."""
    names = []
    for p, t in zip(predictions, labels, strict=True):
        if mode == "classifier":
            names.append(f"{p}")
        elif mode == "ground_truth":
            names.append(f"{t}")
        elif mode == "tpfp":
            names.append(f"{p} {'right' if p == t else 'wrong'}")
        elif mode == "tpnfpn":
            names.append(("t" if p == t else "f") + ("p" if p == positive else "n"))
        else:
            names.append("tp" if p == t == positive else "other")
    return names


def same_partition(a, b):
    """Whether two labellings put the same items together."""
    a, b = list(map(str, a)), list(map(str, b))
    return len(set(zip(a, b, strict=True))) == len(set(a)) == len(set(b))


# ---- data with a known answer --------------------------------------------------------------------


def planted_pair(n=1500, size=60, groups=3, seed=0, spread=0.1):
    """``(A, B, truth_a, truth_b)``: groups that only A, or only B, holds together.

    The rest is one cloud (8 axes), the same in both. A planted group is a small ball on an axis of its
    own in the representation that holds it together; in the other one its items are spread out widely
    over 16 other axes. So nothing but the group itself is near in one and far in the other. (Items
    scattered within the cloud would bring true differences of their own: each is near to its new
    neighbours in one representation only.) truth_*: one array of members per group.
    """
    rng = np.random.default_rng(seed)
    cloud, wide = slice(0, 8), slice(8, 24)
    A = np.zeros((n, 24 + 2 * groups))
    A[:, cloud] = rng.normal(size=(n, 8))
    B = A.copy()
    truth = rng.permutation(n)[: 2 * groups * size].reshape(2 * groups, size)
    for g, members in enumerate(truth):
        tight, scattered = (A, B) if g < groups else (B, A)
        tight[members] = spread * rng.normal(size=(size, A.shape[1]))
        tight[members, 24 + g] += 12
        scattered[members] = spread * rng.normal(size=(size, A.shape[1]))
        scattered[members, wide] += 3 * rng.normal(size=(size, 16))
    return A, B, [np.sort(m) for m in truth[:groups]], [np.sort(m) for m in truth[groups:]]


def jaccard(a, b):
    return len(np.intersect1d(a, b)) / len(np.union1d(a, b))


def without_near_ties(rng, n, d, gap=1e-4):
    """Normal data in which any two distances of a row differ by more than ``gap`` of the mean distance."""
    while True:
        X = rng.normal(size=(n, d))
        D = np.sort(cdist(X, X), axis=1)
        if np.diff(D, axis=1).min() > gap * D.mean():
            return X


# ---- exact ranks, however the numbers were rounded -----------------------------------------------


def whole_squared(points):
    """Squared distances (n, n) between points on their grid, in whole numbers: exact, whatever was added first."""
    grid = points.grid.astype(np.int64)
    return np.array([((grid - row) ** 2).sum(axis=1) for row in grid])


def whole_ranks(points):
    """Ranks (n, n) from whole numbers: the item itself first, ties to the lower index."""
    squared = whole_squared(points)
    np.fill_diagonal(squared, -1)
    out = np.empty(squared.shape, np.int64)
    for row, ranks_of_row in zip(squared, out, strict=True):
        ranks_of_row[np.lexsort((np.arange(len(row)), row))] = np.arange(len(row))
    return out


# ---- classes that one of two representations cannot tell apart -----------------------------------


def merged_classes(n=3000, classes=12, seed=0, noise=0.35):
    """``(A, B, labels)``: A has one centre for the classes 0 and 1, and one for 2 and 3; B for 4 and 5, 6 and 7."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    centres = rng.normal(size=(classes, 16))
    a, b = centres.copy(), centres.copy()
    a[[1, 3]], b[[5, 7]] = a[[0, 2]], b[[4, 6]]
    shared = noise * rng.normal(size=(n, 16))
    own = 0.3 * noise * rng.normal(size=(2, n, 16))
    return a[labels] + shared + own[0], b[labels] + shared + own[1], labels


def matched_jaccards(found, expected):
    """Jaccard indices of the best one-to-one matching of two lists of member arrays, in the second's order."""
    overlap = np.array([[jaccard(one, other) for other in expected] for one in found])
    rows, columns = linear_sum_assignment(-overlap)
    return overlap[rows, columns][np.argsort(columns)], rows[np.argsort(columns)]
