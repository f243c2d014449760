// RUN: aicc-opt %s --mcpu x86-64-v3 --apply-schedules | filecheck %s

#q = affine_map<(h, i, j, d) -> (h, i, d)>
#k = affine_map<(h, i, j, d) -> (h, j, d)>
#s = affine_map<(h, i, j, d) -> (h, i, j)>
#p = affine_map<(h, i, e, j) -> (h, i, j)>
#v = affine_map<(h, i, e, j) -> (h, j, e)>
#o = affine_map<(h, i, e, j) -> (h, i, e)>
#id = affine_map<(h, i, j) -> (h, i, j)>
#row = affine_map<(h, i, j) -> (h, i)>

// Two heads are two tiles. Keys are turned and packed, values copied; register tiles of 5 rows have two vectors of
// scores in registers, which go to scratch, become weights there, and are multiplied with the values.
// CHECK-LABEL: func.func @attention(
// CHECK-SAME: %{{.*}}: memref<2x20x16xf32>{{.*}}, %{{.*}}: memref<2x24x16xf32>{{.*}}, %{{.*}}: memref<2x24x16xf32>{{.*}}, %[[OUT:[a-z0-9]*]]: memref<2x20x16xf32>{{.*}}, %[[LO:[a-z0-9]*]]: index, %[[HI:[a-z0-9]*]]: index
// CHECK-SAME: aicc.tiles = 2 : i64
// CHECK-NOT: memref.alloc
// CHECK: %[[O:.*]] = memref.reinterpret_cast %[[OUT]]
// CHECK: scf.for %{{.*}} = %[[LO]] to %[[HI]]
// CHECK: vector.shuffle
// CHECK: vector.fma
// CHECK: vector.reduction <maxnumf>
// CHECK: arith.shli
// CHECK: vector.reduction <add>
// CHECK: arith.divf
// CHECK: vector.fma
// CHECK: vector.store %{{.*}}, %[[O]][
func.func @attention(%aq: memref<2x20x16xf32>, %ak: memref<2x24x16xf32>, %av: memref<2x24x16xf32>, %ao: memref<2x20x16xf32>)
    attributes {aicc.kernel, aicc.schedule = "attention", aicc.config = "", aicc.outputs = 1 : i64} {
  %q = bufferization.to_tensor %aq restrict : memref<2x20x16xf32> to tensor<2x20x16xf32>
  %k = bufferization.to_tensor %ak restrict : memref<2x24x16xf32> to tensor<2x24x16xf32>
  %v = bufferization.to_tensor %av restrict : memref<2x24x16xf32> to tensor<2x24x16xf32>
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
  bufferization.materialize_in_destination %y in restrict writable %ao : (tensor<2x20x16xf32>, memref<2x20x16xf32>) -> ()
  return
}
