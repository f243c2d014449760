// RUN: aicc-opt %s --form-kernels -split-input-file | filecheck %s

#q = affine_map<(h, i, j, d) -> (h, i, d)>
#k = affine_map<(h, i, j, d) -> (h, j, d)>
#s = affine_map<(h, i, j, d) -> (h, i, j)>
#p = affine_map<(h, i, e, j) -> (h, i, j)>
#v = affine_map<(h, i, e, j) -> (h, j, e)>
#o = affine_map<(h, i, e, j) -> (h, i, e)>
#id = affine_map<(h, i, j) -> (h, i, j)>
#row = affine_map<(h, i, j) -> (h, i)>

// Both products and what lies between them are one kernel.
// CHECK-LABEL: func.func private @k0_attention_2x20x24_by_16
// CHECK-SAME: (%{{.*}}: tensor<2x20x16xf32>, %{{.*}}: tensor<2x24x16xf32>, %{{.*}}: tensor<2x24x16xf32>) -> tensor<2x20x16xf32>
// CHECK: arith.addf
// CHECK: arith.maximumf
// CHECK: math.exp
// CHECK: arith.divf
// CHECK: arith.addf
// CHECK-LABEL: func.func @main
// CHECK-NEXT: %[[R:.*]] = call @k0_attention
// CHECK-NEXT: return %[[R]]
func.func @main(%q: tensor<2x20x16xf32>, %k: tensor<2x24x16xf32>, %v: tensor<2x24x16xf32>) -> tensor<2x20x16xf32> {
  %z = arith.constant 0.0 : f32
  %low = arith.constant 0xFF800000 : f32
  %one = arith.constant 1.0 : f32
  %c = arith.constant 0.25 : f32
  %e = tensor.empty() : tensor<2x20x24xf32>
  %er = tensor.empty() : tensor<2x20xf32>
  %eo = tensor.empty() : tensor<2x20x16xf32>
  %f = linalg.fill ins(%z : f32) outs(%e : tensor<2x20x24xf32>) -> tensor<2x20x24xf32>
  %s = linalg.generic {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<2x20x16xf32>, tensor<2x24x16xf32>) outs(%f : tensor<2x20x24xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %m = arith.mulf %a, %b : f32
    %t = arith.addf %acc, %m : f32
    linalg.yield %t : f32
  } -> tensor<2x20x24xf32>
  %x = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%s : tensor<2x20x24xf32>) outs(%e : tensor<2x20x24xf32>) {
  ^bb0(%a: f32, %u: f32):
    %m = arith.mulf %a, %c : f32
    linalg.yield %m : f32
  } -> tensor<2x20x24xf32>
  %fl = linalg.fill ins(%low : f32) outs(%er : tensor<2x20xf32>) -> tensor<2x20xf32>
  %top = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x : tensor<2x20x24xf32>) outs(%fl : tensor<2x20xf32>) {
  ^bb0(%a: f32, %acc: f32):
    %m = arith.maximumf %acc, %a : f32
    linalg.yield %m : f32
  } -> tensor<2x20xf32>
  %w = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x, %top : tensor<2x20x24xf32>, tensor<2x20xf32>) outs(%e : tensor<2x20x24xf32>) {
  ^bb0(%a: f32, %b: f32, %u: f32):
    %m = arith.subf %a, %b : f32
    %y = math.exp %m : f32
    linalg.yield %y : f32
  } -> tensor<2x20x24xf32>
  %fz = linalg.fill ins(%z : f32) outs(%er : tensor<2x20xf32>) -> tensor<2x20xf32>
  %sum = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%w : tensor<2x20x24xf32>) outs(%fz : tensor<2x20xf32>) {
  ^bb0(%a: f32, %acc: f32):
    %m = arith.addf %acc, %a : f32
    linalg.yield %m : f32
  } -> tensor<2x20xf32>
  %p = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%w, %sum : tensor<2x20x24xf32>, tensor<2x20xf32>) outs(%e : tensor<2x20x24xf32>) {
  ^bb0(%a: f32, %b: f32, %u: f32):
    %r = arith.divf %one, %b : f32
    %m = arith.mulf %a, %r : f32
    linalg.yield %m : f32
  } -> tensor<2x20x24xf32>
  %fo = linalg.fill ins(%z : f32) outs(%eo : tensor<2x20x16xf32>) -> tensor<2x20x16xf32>
  %y = linalg.generic {indexing_maps = [#p, #v, #o], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%p, %v : tensor<2x20x24xf32>, tensor<2x24x16xf32>) outs(%fo : tensor<2x20x16xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %m = arith.mulf %a, %b : f32
    %t = arith.addf %acc, %m : f32
    linalg.yield %t : f32
  } -> tensor<2x20x16xf32>
  return %y : tensor<2x20x16xf32>
}

// -----

#q = affine_map<(h, i, j, d) -> (h, i, d)>
#k = affine_map<(h, i, j, d) -> (h, j, d)>
#s = affine_map<(h, i, j, d) -> (h, i, j)>
#p = affine_map<(h, i, e, j) -> (h, i, j)>
#v = affine_map<(h, i, e, j) -> (h, j, e)>
#o = affine_map<(h, i, e, j) -> (h, i, e)>
#id = affine_map<(h, i, j) -> (h, i, j)>
#row = affine_map<(h, i, j) -> (h, i)>

// Weights that are read elsewhere have to be in memory: kernels of their own.
// CHECK-LABEL: func.func private @k0_matmul_2x20x24_by_16
// CHECK-LABEL: func.func private @k1_rows_2x20_by_24
// CHECK-LABEL: func.func private @k2_matmul_2x20x16_by_24
// CHECK-LABEL: func.func @main
func.func @main(%q: tensor<2x20x16xf32>, %k: tensor<2x24x16xf32>, %v: tensor<2x24x16xf32>) -> (tensor<2x20x16xf32>, tensor<2x20x24xf32>) {
  %z = arith.constant 0.0 : f32
  %low = arith.constant 0xFF800000 : f32
  %one = arith.constant 1.0 : f32
  %c = arith.constant 0.25 : f32
  %e = tensor.empty() : tensor<2x20x24xf32>
  %er = tensor.empty() : tensor<2x20xf32>
  %eo = tensor.empty() : tensor<2x20x16xf32>
  %f = linalg.fill ins(%z : f32) outs(%e : tensor<2x20x24xf32>) -> tensor<2x20x24xf32>
  %s = linalg.generic {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<2x20x16xf32>, tensor<2x24x16xf32>) outs(%f : tensor<2x20x24xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %m = arith.mulf %a, %b : f32
    %t = arith.addf %acc, %m : f32
    linalg.yield %t : f32
  } -> tensor<2x20x24xf32>
  %x = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%s : tensor<2x20x24xf32>) outs(%e : tensor<2x20x24xf32>) {
  ^bb0(%a: f32, %u: f32):
    %m = arith.mulf %a, %c : f32
    linalg.yield %m : f32
  } -> tensor<2x20x24xf32>
  %fl = linalg.fill ins(%low : f32) outs(%er : tensor<2x20xf32>) -> tensor<2x20xf32>
  %top = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x : tensor<2x20x24xf32>) outs(%fl : tensor<2x20xf32>) {
  ^bb0(%a: f32, %acc: f32):
    %m = arith.maximumf %acc, %a : f32
    linalg.yield %m : f32
  } -> tensor<2x20xf32>
  %w = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x, %top : tensor<2x20x24xf32>, tensor<2x20xf32>) outs(%e : tensor<2x20x24xf32>) {
  ^bb0(%a: f32, %b: f32, %u: f32):
    %m = arith.subf %a, %b : f32
    %y = math.exp %m : f32
    linalg.yield %y : f32
  } -> tensor<2x20x24xf32>
  %fz = linalg.fill ins(%z : f32) outs(%er : tensor<2x20xf32>) -> tensor<2x20xf32>
  %sum = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%w : tensor<2x20x24xf32>) outs(%fz : tensor<2x20xf32>) {
  ^bb0(%a: f32, %acc: f32):
    %m = arith.addf %acc, %a : f32
    linalg.yield %m : f32
  } -> tensor<2x20xf32>
  %p = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%w, %sum : tensor<2x20x24xf32>, tensor<2x20xf32>) outs(%e : tensor<2x20x24xf32>) {
  ^bb0(%a: f32, %b: f32, %u: f32):
    %r = arith.divf %one, %b : f32
    %m = arith.mulf %a, %r : f32
    linalg.yield %m : f32
  } -> tensor<2x20x24xf32>
  %fo = linalg.fill ins(%z : f32) outs(%eo : tensor<2x20x16xf32>) -> tensor<2x20x16xf32>
  %y = linalg.generic {indexing_maps = [#p, #v, #o], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%p, %v : tensor<2x20x24xf32>, tensor<2x24x16xf32>) outs(%fo : tensor<2x20x16xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %m = arith.mulf %a, %b : f32
    %t = arith.addf %acc, %m : f32
    linalg.yield %t : f32
  } -> tensor<2x20x16xf32>
  return %y, %p : tensor<2x20x16xf32>, tensor<2x20x24xf32>
}
